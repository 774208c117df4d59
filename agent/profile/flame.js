// SPDX-License-Identifier: GPL-2.0-or-later
// The flame graph's behaviour, in the SVG itself: no network, no library. `data` comes before this
// text: {title, unit, total, names, stacks}; each stack is [frames shared with the one before,
// value, names of the frames that follow...], sorted.
'use strict';
const ROW = 17, HEAD = 64, PAD = 6, CHAR = 7.3;
const svg = document.documentElement;
const NS = 'http://www.w3.org/2000/svg';
const frames = document.getElementById('frames');

function node(name, parent) {
	return {name, parent, value: 0, children: [], depth: parent ? parent.depth + 1 : 0};
}

function tree() {
	const root = node(-1, null);
	let path = [root];

	root.value = data.total;
	for (const [shared, value, ...names] of data.stacks) {
		path.length = shared + 1;
		for (const name of names) {
			const up = path[path.length - 1], below = node(name, up);

			up.children.push(below);
			path.push(below);
		}
		for (let i = 1; i < path.length; i++)
			path[i].value += value;
	}
	return root;
}

const root = tree();
let zoomed = root, pattern = null;

function nameOf(n) {
	return n === root ? data.title : data.names[n.name];
}

const SCALES = {
	nanoseconds: [[3600e9, 'h'], [60e9, 'min'], [1e9, 's'], [1e6, 'ms'], [1e3, 'us'], [1, 'ns']],
	bytes: [[2 ** 30, 'GB'], [2 ** 20, 'MB'], [2 ** 10, 'kB'], [1, 'B']],
};

function amount(value) {
	for (const [size, text] of SCALES[data.unit] || [])
		if (Math.abs(value) >= size)
			return (value / size).toFixed(size === 1 ? 0 : 2) + ' ' + text;
	return value + (SCALES[data.unit] ? '' : ' ' + data.unit);
}

function share(value) {
	return data.total ? (100 * value / data.total).toFixed(2) + ' %' : '';
}

// The same name has the same colour everywhere; kernel and synthetic frames have their own hues.
function colour(n) {
	const name = nameOf(n);
	let h = 0;

	if (n === root)
		return '#d8d8d8';
	for (let i = 0; i < name.length; i++)
		h = (h * 31 + name.charCodeAt(i)) >>> 0;
	if (name.startsWith('['))
		return `hsl(210,25%,${72 + h % 10}%)`;
	return `hsl(${18 + h % 38},${78 + (h >> 8) % 15}%,${62 + (h >> 16) % 12}%)`;
}

function element(kind, attributes, text) {
	const e = document.createElementNS(NS, kind);

	for (const key in attributes)
		e.setAttribute(key, attributes[key]);
	if (text !== undefined)
		e.textContent = text;
	return e;
}

function matches(n) {
	return pattern && n !== root && pattern.test(nameOf(n));
}

function box(n, x, width, height) {
	const g = element('g', {class: n.depth < zoomed.depth ? 'frame above' : 'frame'});
	const room = Math.floor((width - 4) / CHAR);
	const name = nameOf(n);
	const y = HEAD + n.depth * ROW;

	g.append(element('title', {}, `${name}\n${amount(n.value)}, ${share(n.value)}`),
		 element('rect', {x, y, width: Math.max(width - 0.5, 0.4), height: ROW - 1, rx: 1,
				  fill: matches(n) ? '#e040e0' : colour(n)}));
	if (room >= 3)
		g.append(element('text', {x: x + 3, y: y + 12},
				 name.length > room ? name.slice(0, room - 2) + '..' : name));
	g.addEventListener('click', () => zoom(n));
	frames.append(g);
	return height > y + ROW ? height : y + ROW;
}

// Draws what is at least half a pixel wide, so a profile of any size stays quick.
function draw() {
	const width = (window.innerWidth || 1200) - 2 * PAD;
	let height = HEAD;
	const above = [];

	frames.replaceChildren();
	for (let n = zoomed; n; n = n.parent)
		above.push(n);
	for (const n of above)
		height = box(n, PAD, width, height);
	const todo = [[zoomed, PAD]], scale = zoomed.value ? width / zoomed.value : 0;
	while (todo.length) {
		let [n, x] = todo.pop();

		for (const child of n.children) {
			const w = child.value * scale;

			if (w >= 0.5) {
				height = box(child, x, w, height);
				todo.push([child, x]);
			}
			x += w;
		}
	}
	svg.setAttribute('width', '100%');
	svg.setAttribute('height', height + 10);
}

function zoom(n) {
	zoomed = n;
	draw();
}

// Time of the stacks that have a frame which matches, each once.
function matched(n) {
	if (matches(n))
		return n.value;
	return n.children.reduce((sum, child) => sum + matched(child), 0);
}

function search(text) {
	try {
		pattern = text ? new RegExp(text, 'i') : null;
		document.getElementById('found').textContent =
			pattern ? `${share(matched(root))} matched` : '';
	} catch (e) {
		pattern = null;
		document.getElementById('found').textContent = 'not a regular expression';
	}
	draw();
}

document.getElementById('search').addEventListener('input', e => search(e.target.value));
document.getElementById('reset').addEventListener('click', () => zoom(root));
window.addEventListener('resize', draw);
window.addEventListener('keydown', e => {
	if (e.key === 'Escape')
		zoom(root);
});
draw();
