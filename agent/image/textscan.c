// SPDX-License-Identifier: GPL-2.0-or-later
#include "textscan.h"

#include <elf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "../base/cleanup.h"
#include "elf.h"

/* Code is read in windows; a pattern may reach LOOKAHEAD bytes into the next one. */
enum { WINDOW = 1 << 20, LOOKAHEAD = 32 };

/* Smaller gaps are padding between functions, or what follows the system call in clone(). */
enum { MIN_GAP = 16 };

/* From the system call in clone() to where its child begins: tests, jumps and the parent's return.
 */
enum { MAX_CLONE = 24 };

/* With less code than this that nothing covers, calls from elsewhere to it are not worth a search.
 */
enum { FEW_BYTES = 1024 };

/* _start is not longer. */
enum { MAX_ENTRY = 64 };

/*
 * So many bytes without rows in one piece are the work of another compiler and no functions in
 * assembly language among others, as V8's builtins are; when there is the beginning of a frame for
 * so many, it keeps frame pointers. V8 has one for 860; musl, of which Debian describes nothing
 * either, has four in 700 KB.
 */
enum { LARGE_GAP = 16 << 10, BYTES_PER_FRAME = 4096 };

/* Executable segments whose gaps are looked at. */
enum { MAX_SEGMENTS = 16 };

/* Symbols are read so many at a time. */
enum { SYMBOLS_AT_ONCE = 2048 };

/**
 * struct gap - file offsets from @start up to @end: executable, covered by no range
 * @frames: places in it where a frame pointer is set up
 */
struct gap {
	uint64_t start;
	uint64_t end;
	uint32_t frames;
};

struct scan {
	struct elf_image *img;
	struct rows_builder *out;
	struct buf gaps;      /* of struct gap */
	struct buf clones;    /* of struct row_gap: the same, in the middle of functions and smaller
				 than MIN_GAP */
	struct buf functions; /* uint64_t: file offsets of known starts in gaps */
	uint64_t budget;      /* bytes of code that may still be read */
	bool everywhere;      /* look for trampolines in gaps or not */
	bool only_trampolines;
	uint8_t *window;
};

static size_t ngaps(const struct scan *s)
{
	return s->gaps.len / sizeof(struct gap);
}

static struct gap *find_gap(const struct scan *s, uint64_t offset)
{
	struct gap *g = (struct gap *)s->gaps.data;
	size_t lo = 0, hi = ngaps(s);

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (offset < g[mid].start)
			hi = mid;
		else if (offset >= g[mid].end)
			lo = mid + 1;
		else
			return &g[mid];
	}
	return NULL;
}

static void found_function(struct scan *s, uint64_t offset)
{
	if (find_gap(s, offset))
		buf_append(&s->functions, &offset, sizeof(offset));
}

static void add_kind(struct scan *s, uint64_t start, uint64_t end, enum kpprof_rule_kind kind)
{
	struct kpprof_rule rule = {.kind = (uint8_t)kind};

	rows_add(s->out, start, end, &rule);
}

/* Bytes of an instruction at @p that sets eax to @nr, or 0: all the ways that occur in system
 * calls. */
static size_t sets_eax(const uint8_t *p, uint8_t nr)
{
	const uint8_t mov_rax[] = {0x48, 0xc7, 0xc0, nr, 0, 0, 0};
	const uint8_t mov_eax[] = {0xb8, nr, 0, 0, 0};
	const uint8_t push_pop[] = {0x6a, nr, 0x58};
	const uint8_t mov_al[] = {0xb0, nr};

	if (memcmp(p, mov_rax, sizeof(mov_rax)) == 0)
		return sizeof(mov_rax);
	if (memcmp(p, mov_eax, sizeof(mov_eax)) == 0)
		return sizeof(mov_eax);
	if (memcmp(p, push_pop, sizeof(push_pop)) == 0)
		return sizeof(push_pop);
	return memcmp(p, mov_al, sizeof(mov_al)) == 0 ? sizeof(mov_al) : 0;
}

static bool is_syscall(const uint8_t *p)
{
	return p[0] == 0x0f && p[1] == 0x05;
}

/*
 * mov $15,%eax; syscall is rt_sigreturn. A handler returns to its first byte, and callers are
 * looked up at their return address - 1, so the row begins one byte before.
 */
static void try_trampoline(struct scan *s, const uint8_t *p, uint64_t offset)
{
	size_t n = sets_eax(p, 15);

	if (n < 5 || !is_syscall(p + n) || !(s->everywhere || find_gap(s, offset)))
		return;
	add_kind(s, offset ? offset - 1 : 0, offset + n + 2, KPPROF_RULE_SIGNAL);
}

/*
 * call *%reg, and soon after exit(2): that is where clone() has called the thread's function.
 * Nothing is above it.
 */
static void try_thread_exit(struct scan *s, const uint8_t *p, uint64_t offset)
{
	size_t call = p[0] == 0x41 ? 3 : 2;

	if (p[call - 2] != 0xff || (p[call - 1] & 0xf8) != 0xd0 || !find_gap(s, offset))
		return;
	for (size_t i = call; i < call + 12; i++) {
		size_t n = sets_eax(p + i, 60);

		if (n && is_syscall(p + i + n)) {
			add_kind(s, offset, offset + i + n + 2, KPPROF_RULE_STOP);
			return;
		}
	}
}

/*
 * What follows the system call in clone(): test %eax,%eax, jumps, the parent's ret, and then, with
 * xor %ebp,%ebp, the child. Returns bytes up to there, or 0.
 */
static size_t clone_length(const uint8_t *p, size_t max)
{
	static const uint8_t test_eax[] = {0x85, 0xc0}, xor_ebp[] = {0x31, 0xed};
	size_t at = 2;

	at += p[at] == 0x48;
	if (!is_syscall(p) || memcmp(p + at, test_eax, sizeof(test_eax)) != 0)
		return 0;
	for (at += sizeof(test_eax); at < max; at++)
		if (memcmp(p + at, xor_ebp, sizeof(xor_ebp)) == 0)
			return at;
	return 0;
}

/*
 * Parent and child come out of the same instruction: the parent on the stack that it went in with,
 * the child on a new one that nothing has called. glibc describes neither.
 */
static void add_clone(struct scan *s, uint64_t start, uint64_t end)
{
	static const struct kpprof_rule rule = {
		.kind = KPPROF_RULE_CLONE, .reg = KPPROF_REG_SP, .off = 8};

	rows_add(s->out, start, end, &rule);
}

/* In code that nothing describes (musl): the child goes on to the call of the thread's function. */
static void try_clone(struct scan *s, const uint8_t *p, uint64_t offset)
{
	size_t n = clone_length(p, MAX_CLONE);

	if (!n || !find_gap(s, offset))
		return;
	add_clone(s, offset, offset + n);
	for (size_t i = n; i + 1 < LOOKAHEAD; i++) {
		if (p[i] == 0xff && (p[i + 1] & 0xf8) == 0xd0) {
			add_kind(s, offset + n, offset + i, KPPROF_RULE_STOP);
			return;
		}
	}
}

/* push %rbp; mov %rsp,%rbp */
static void try_frame(struct scan *s, const uint8_t *p, uint64_t offset)
{
	static const uint8_t to_rm[] = {0x55, 0x48, 0x89, 0xe5},
			     from_rm[] = {0x55, 0x48, 0x8b, 0xec};
	struct gap *g;

	if (memcmp(p, to_rm, sizeof(to_rm)) != 0 && memcmp(p, from_rm, sizeof(from_rm)) != 0)
		return;
	g = find_gap(s, offset);
	if (g)
		g->frames++;
}

static void try_call(struct scan *s, const uint8_t *p, uint64_t offset)
{
	int32_t rel;

	memcpy(&rel, p + 1, sizeof(rel));
	found_function(s, offset + 5 + (uint64_t)(int64_t)rel);
}

static void scan_window(struct scan *s, const uint8_t *p, size_t n, uint64_t offset)
{
	for (size_t i = 0; i < n; i++) {
		switch (p[i]) {
		case 0xe8:
			if (!s->only_trampolines)
				try_call(s, p + i, offset + i);
			break;
		case 0x0f:
			if (!s->only_trampolines)
				try_clone(s, p + i, offset + i);
			break;
		case 0x55:
			if (!s->only_trampolines)
				try_frame(s, p + i, offset + i);
			break;
		case 0x48:
		case 0xb8:
			try_trampoline(s, p + i, offset + i);
			break;
		case 0x41:
		case 0xff:
			if (!s->only_trampolines)
				try_thread_exit(s, p + i, offset + i);
			break;
		}
	}
}

/* Scans the file from @start up to @end; what is behind the end of the file reads as zeroes. */
static int scan_range(struct scan *s, uint64_t start, uint64_t end)
{
	if (end > s->img->size)
		end = s->img->size;
	while (start < end) {
		size_t n = end - start < WINDOW ? end - start : WINDOW;
		uint64_t have = s->img->size - start;

		if (n > s->budget)
			return 0;
		s->budget -= n;
		have = have < n + LOOKAHEAD ? have : n + LOOKAHEAD;
		memset(s->window + have, 0, n + LOOKAHEAD - have);
		if (elf_read_at(s->img, start, s->window, have) != 0)
			return 0;
		scan_window(s, s->window, n, start);
		if (s->out->error || buf_error(&s->functions))
			return -ENOMEM;
		start += n;
	}
	return 0;
}

static int scan_all(struct scan *s)
{
	int err = 0;

	for (size_t i = 0; i < s->img->nsegments && !err; i++) {
		const struct elf_segment *seg = &s->img->segments[i];

		if (seg->flags & PF_X)
			err = scan_range(s, seg->offset, seg->offset + seg->filesz);
	}
	return err;
}

static int scan_gaps(struct scan *s)
{
	const struct gap *g = (const struct gap *)s->gaps.data;
	int err = 0;

	for (size_t i = 0; i < ngaps(s) && !err; i++)
		err = scan_range(s, g[i].start, g[i].end);
	return err;
}

static int cmp_gap(const void *a, const void *b)
{
	const struct gap *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

/* Adds what of the gaps lies in a segment. */
static void cut_gaps(struct scan *s, const struct buf *all, const struct elf_segment *seg)
{
	const struct row_gap *g = (const struct row_gap *)all->data;
	uint64_t seg_end = seg->offset + seg->filesz;

	for (size_t i = 0; i < all->len / sizeof(*g); i++) {
		struct gap x = {
			.start = g[i].start > seg->offset ? g[i].start : seg->offset,
			.end = g[i].end < seg_end ? g[i].end : seg_end,
		};
		const struct row_gap small = {x.start, x.end};

		if (x.start >= x.end)
			continue;
		if (x.end - x.start >= MIN_GAP)
			buf_append(&s->gaps, &x, sizeof(x));
		else if (x.end % MIN_GAP && x.end - x.start > 6)
			buf_append(&s->clones, &small, sizeof(small));
	}
}

/* Puts the gaps in order, without the overlaps that strangers' segments may have. Returns their
 * bytes. */
static uint64_t sort_gaps(struct scan *s)
{
	struct gap *g = (struct gap *)s->gaps.data;
	uint64_t end = 0, bytes = 0;
	size_t n = ngaps(s), kept = 0;

	if (n)
		qsort(g, n, sizeof(*g), cmp_gap);
	for (size_t i = 0; i < n; i++) {
		struct gap x = g[i];

		x.start = x.start > end ? x.start : end;
		if (x.start >= x.end)
			continue;
		bytes += x.end - x.start;
		end = x.end;
		g[kept++] = x;
	}
	s->gaps.len = kept * sizeof(*g);
	return bytes;
}

/* The gaps in executable code. */
static int collect_gaps(struct scan *s, uint64_t *bytes)
{
	_cleanup_buf_ struct buf all = {0};
	unsigned int left = MAX_SEGMENTS;
	int err = rows_gaps(s->out, &all);

	for (size_t i = 0; i < s->img->nsegments && left && !err; i++) {
		if (!(s->img->segments[i].flags & PF_X))
			continue;
		left--;
		cut_gaps(s, &all, &s->img->segments[i]);
		err = buf_error(&s->gaps) ?: buf_error(&s->clones);
	}
	*bytes = err ? 0 : sort_gaps(s);
	return err;
}

static bool is_code_symbol(const Elf64_Sym *sym)
{
	unsigned int type = ELF64_ST_TYPE(sym->st_info);

	return (type == STT_FUNC || type == STT_GNU_IFUNC) && sym->st_shndx != SHN_UNDEF;
}

static int scan_symbols(struct scan *s, const struct elf_section *sec)
{
	_cleanup_free_ Elf64_Sym *syms = malloc(SYMBOLS_AT_ONCE * sizeof(*syms));
	uint64_t left = sec->size / sizeof(*syms), at = sec->offset, offset;

	if (!syms)
		return -ENOMEM;
	while (left) {
		size_t n = left < SYMBOLS_AT_ONCE ? left : SYMBOLS_AT_ONCE;

		if (elf_read_at(s->img, at, syms, n * sizeof(*syms)) != 0)
			return 0;
		for (size_t i = 0; i < n; i++)
			if (is_code_symbol(&syms[i]) &&
			    elf_vaddr_to_offset(s->img, syms[i].st_value, &offset))
				found_function(s, offset);
		at += n * sizeof(*syms);
		left -= n;
	}
	return buf_error(&s->functions);
}

static int scan_symbol_tables(struct scan *s)
{
	int err = 0;

	for (size_t i = 0; i < s->img->nsections && !err; i++) {
		const struct elf_section *sec = &s->img->sections[i];

		if ((sec->type == SHT_SYMTAB || sec->type == SHT_DYNSYM) &&
		    !(sec->flags & SHF_COMPRESSED))
			err = scan_symbols(s, sec);
	}
	return err;
}

/*
 * Whether code looks like the first of a process. The ABI wants the frame pointer cleared first
 * (xor %ebp,%ebp, after an endbr64 or not); ld.so passes the stack pointer on (mov %rsp,%rdi).
 */
static bool is_process_entry(const struct elf_image *img, uint64_t offset)
{
	static const uint8_t mov_rsp_rdi[] = {0x48, 0x89, 0xe7};
	static const uint8_t endbr64[] = {0xf3, 0x0f, 0x1e, 0xfa};
	uint8_t code[7], *p = code;

	if (elf_read_at(img, offset, code, sizeof(code)) != 0)
		return false;
	if (memcmp(p, endbr64, sizeof(endbr64)) == 0)
		p += sizeof(endbr64);
	if (memcmp(p, mov_rsp_rdi, sizeof(mov_rsp_rdi)) == 0)
		return true;
	p += *p == 0x48;
	return p[0] == 0x31 && p[1] == 0xed;
}

bool textscan_entry(const struct elf_image *img, uint64_t *vaddr)
{
	uint64_t offset;

	*vaddr = img->entry;
	return img->entry && elf_vaddr_to_offset(img, img->entry, &offset) &&
	       (img->type == ET_EXEC || img->has_interp || is_process_entry(img, offset));
}

static void add_entry(struct scan *s)
{
	const uint64_t *f = (const uint64_t *)s->functions.data;
	const struct gap *gap;
	uint64_t vaddr, start, end;

	if (!textscan_entry(s->img, &vaddr) || !elf_vaddr_to_offset(s->img, vaddr, &start))
		return;
	gap = find_gap(s, start);
	if (!gap)
		return;
	end = gap->end - start < MAX_ENTRY ? gap->end : start + MAX_ENTRY;
	for (size_t i = 0; i < s->functions.len / sizeof(*f); i++)
		if (f[i] > start && f[i] < end)
			end = f[i];
	add_kind(s, start, end, KPPROF_RULE_STOP);
}

/* Padding ends where an aligned function begins; what is left are gaps within functions. */
static int scan_clones(struct scan *s)
{
	const struct row_gap *g = (const struct row_gap *)s->clones.data;
	uint8_t code[MIN_GAP + 2];

	for (size_t i = 0; i < s->clones.len / sizeof(*g); i++) {
		size_t n = g[i].end - g[i].start;

		if (elf_read_at(s->img, g[i].start, code, n + 2) == 0 &&
		    clone_length(code, n + 1) == n)
			add_clone(s, g[i].start, g[i].end);
	}
	return s->out->error;
}

/* What was found in a gap before stays as it is. */
static void add_frames(struct scan *s)
{
	const struct gap *g = (const struct gap *)s->gaps.data;

	for (size_t i = 0; i < ngaps(s); i++) {
		uint64_t size = g[i].end - g[i].start;

		if (size >= LARGE_GAP && g[i].frames >= size / BYTES_PER_FRAME)
			add_kind(s, g[i].start, g[i].end, KPPROF_RULE_FP);
	}
}

static int scan_uncovered(struct scan *s)
{
	uint64_t bytes;
	int err = collect_gaps(s, &bytes);

	if (!err)
		err = scan_clones(s);
	if (err || !s->gaps.len)
		return err;
	err = scan_symbol_tables(s);
	if (!err)
		err = bytes < FEW_BYTES ? scan_gaps(s) : scan_all(s);
	if (err)
		return err;
	add_entry(s);
	add_frames(s);
	for (size_t i = 0; i < s->functions.len / sizeof(uint64_t); i++)
		rows_add_function(s->out, ((const uint64_t *)s->functions.data)[i]);
	return s->out->error;
}

static int scan(struct elf_image *img, struct rows_builder *out, bool trampolines)
{
	_cleanup_free_ uint8_t *window = malloc(WINDOW + LOOKAHEAD);
	struct scan s = {
		.img = img,
		.out = out,
		.budget = TEXTSCAN_MAX_BYTES,
		.everywhere = trampolines,
		.only_trampolines = trampolines,
		.window = window,
	};
	int err;

	if (!window)
		return -ENOMEM;
	if (img->machine != EM_X86_64 || out->error)
		return out->error;
	err = trampolines ? scan_all(&s) : scan_uncovered(&s);
	buf_deinit(&s.gaps);
	buf_deinit(&s.clones);
	buf_deinit(&s.functions);
	return err;
}

int textscan_rows(struct elf_image *img, struct rows_builder *out)
{
	return scan(img, out, false);
}

int textscan_trampolines(struct elf_image *img, struct rows_builder *out)
{
	return scan(img, out, true);
}
