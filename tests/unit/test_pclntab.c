// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * agent/image/pclntab: Go programs that are compiled here, stripped, against what the Go tools and
 * readelf say of the same programs unstripped; and tables of other versions, made by hand.
 */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../agent/base/cleanup.h"
#include "../../agent/image/elf.h"
#include "../../agent/image/gotable.h"
#include "../../agent/image/pclntab.h"
#include "../lib/workshop.h"

static const char program[] =
	"package main\n\nimport (\n\t\"fmt\"\n\t\"os\"\n\t\"sort\"\n)\n\n"
	"func leaf(x int) int {\n\tif x > 10 {\n\t\treturn x*3 + len(os.Args)\n\t}\n\treturn x ^ "
	"5\n}\n\n"
	"func middle(x int) int {\n\treturn leaf(x) + leaf(x+11)\n}\n\n"
	"//go:noinline\nfunc outer(n int) int {\n\ttotal := 0\n"
	"\tfor i := 0; i < n; i++ {\n\t\ttotal += middle(i)\n\t}\n\treturn total\n}\n\n"
	"func main() {\n\twords := []string{\"b\", \"a\"}\n\tsort.Strings(words)\n"
	"\tfmt.Println(outer(3), words)\n}\n";

static int go_setup(void **state)
{
	int err = shop_setup(state);

	shop_source("main.go", program);
	return err;
}

/* Builds twins: "full" with symbols and DWARF, "bare" without. */
static bool build_go(const char *mode, const char *ldflags)
{
	static const char env[] =
		"env GO111MODULE=off GOFLAGS=-mod=mod GOPROXY=off "
		"GOCACHE=\"${GOCACHE:-${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/kpprof/go}\"";

	if (!shop_has("go"))
		return false;
	shop_run(NULL, "%s go build %s -ldflags '%s' -o full main.go", env, mode, ldflags);
	shop_run(NULL, "%s go build %s -ldflags '%s -s -w' -o bare main.go", env, mode, ldflags);
	return true;
}

struct opened {
	int fd;
	struct elf_image *img;
	struct pclntab *table;
};

static void open_table(struct opened *o, const char *file)
{
	o->fd = shop_open_file(file);
	assert_int_equal(elf_image_open(o->fd, &o->img), 0);
	assert_int_equal(pclntab_open(o->img, &o->table), 0);
	assert_true(pclntab_bytes(o->table) > 100);
}

static void close_table(struct opened *o)
{
	pclntab_close(o->table);
	elf_image_close(o->img);
	close(o->fd);
}

/* One address; the names are in @block. */
static struct names resolve(struct opened *o, uint64_t vaddr, struct buf *block)
{
	struct names_builder b = {0};
	struct names n;

	buf_deinit(block);
	names_begin(&b);
	assert_int_equal(pclntab_resolve(o->table, vaddr, &b), 0);
	assert_int_equal(names_finish(&b, block), 0);
	assert_int_equal(names_map(block->data, block->len, &n), 0);
	return n;
}

/*
 * A program of one function, main.outer, into which main.inner is inlined at its first 16 bytes.
 * MAGIC is the version, GOFUNC where the module data have the address of the inline trees.
 */
static const char inlined_s[] =
	".text\n"
	".globl _start\n"
	"_start: .fill 32, 1, 0x90\n"
	".section .gopclntab,\"a\"\n"
	".balign 32\n"
	"tab: .long MAGIC\n"
	".byte 0, 0, 1, 8\n"
	".quad 1, 1, _start, names - tab, cus - tab, files - tab, pcs - tab, funcs - tab\n"
	"names: .byte 0\n"
	"outer: .asciz \"main.outer\"\n"
	"inner: .asciz \"main.inner\"\n"
	".balign 4\n"
	"cus: .long 0\n"
	"files: .asciz \"/src/main.go\"\n"
	"pcs: .byte 0xff\n"
	"pcsp: .byte 2, 32, 0\n"
	"pcln: .byte 82, 16, 39, 16, 0\n"
	"pcinl: .byte 2, 16, 1, 16, 0\n"
	".balign 8\n"
	"funcs: .long 0, func - funcs, 32, 0\n"
	"func: .long 0, outer - names, 0, 0, pcsp - pcs, pcsp - pcs, pcln - pcs, 3, 0\n"
	".if MAGIC == 0xfffffff1\n"
	".long 18\n"
	".endif\n"
	".byte 0, 0, 0, 4\n"
	".long 0, 0, pcinl - pcs\n"
	".long -1, -1, -1, tree - gofunc\n"
	".section .rodata,\"a\"\n"
	"gofunc: .quad 0\n"
	"tree: .long 0\n"
	".if MAGIC == 0xfffffff1\n"
	".long inner - names, 20, 38\n"
	".else\n"
	".long 0, 20, inner - names, 20\n"
	".endif\n"
	".data\n"
	".balign 8\n"
	".quad tab, names, 0, 0, cus, 0, 0, files, 0, 0, pcs, 0, 0, funcs, 0, 0, funcs, 1, 1, 0\n"
	".quad _start, _start + 32, _start, _start + 32\n"
	".fill GOFUNC - 192, 1, 0\n"
	".quad gofunc\n"
	".section .note.GNU-stack,\"\"\n";

static void check_inlined(const char *magic, const char *gofunc, uint32_t outer_start,
			  uint32_t inner_start)
{
	_cleanup_buf_ struct buf block = {0};
	struct name_line l;
	struct names n;
	struct opened o;
	uint64_t start;

	shop_source("inlined.S", inlined_s);
	shop_run(NULL, "gcc -nostdlib -static -DMAGIC=%s -DGOFUNC=%s -o inlined inlined.S", magic,
		 gofunc);
	start = shop_symbol("inlined", "_start");
	open_table(&o, "inlined");
	n = resolve(&o, start + 15, &block);
	assert_int_equal(names_count(&n, 0), 2);
	l = names_get(&n, 0, 0);
	assert_string_equal(l.name, "main.inner");
	assert_string_equal(l.file, "/src/main.go");
	assert_int_equal(l.line, 40);
	assert_int_equal(l.start_line, inner_start);
	l = names_get(&n, 0, 1);
	assert_string_equal(l.name, "main.outer");
	assert_int_equal(l.line, 20);
	assert_int_equal(l.start_line, outer_start);
	n = resolve(&o, start + 16, &block);
	assert_int_equal(names_count(&n, 0), 1);
	close_table(&o);
}

static void test_inlined_versions(void **state)
{
	(void)state;
	check_inlined("0xfffffff1", "320", 18, 38);
	check_inlined("0xfffffff0", "304", 0, 0);
}

static bool next_line(char **at, char **line)
{
	*line = *at;
	*at = strchr(*at, '\n');
	if (!*at)
		return false;
	*(*at)++ = '\0';
	return true;
}

struct go_symbol {
	uint64_t start, size;
	char *name;
};

/* go tool nm: address, size, type, name. */
static size_t read_symbols(struct buf *text, struct go_symbol *out, size_t max)
{
	char *at, *line, type;
	size_t n = 0;
	int name;

	shop_run(text, "go tool nm -size -sort address full");
	buf_append(text, "", 1);
	at = text->data;
	while (next_line(&at, &line) && n < max) {
		struct go_symbol *s = &out[n];

		if (sscanf(line, "%" SCNx64 " %" SCNu64 " %c %n", &s->start, &s->size, &type,
			   &name) == 3 &&
		    (type == 'T' || type == 't') && s->size) {
			s->name = line + name;
			n++;
		}
	}
	return n;
}

enum { SYMBOLS_MAX = 20000, STEP = 3 };

/* Go's code is in one piece, before or after that of C. Instances of generic types lose their name.
 */
static size_t keep_go(struct go_symbol *syms, size_t n)
{
	uint64_t from = shop_symbol("full", "runtime.text"),
		 to = shop_symbol("full", "runtime.etext");
	size_t kept = 0;

	for (size_t i = 0; i < n; i++)
		if (syms[i].start >= from && syms[i].start < to && !strchr(syms[i].name, '[') &&
		    !strstr(syms[i].name, "runtime.text"))
			syms[kept++] = syms[i];
	return kept;
}

/* The names of functions: of every third one, in the middle. */
static void compare_names(struct opened *o, const struct go_symbol *syms, size_t n)
{
	_cleanup_buf_ struct buf block = {0};
	size_t compared = 0;

	for (size_t i = 0; i < n; i += STEP) {
		struct names names;
		const char *name;
		size_t len = strlen(syms[i].name);

		names = resolve(o, syms[i].start + syms[i].size / 2, &block);
		name = names_get(&names, 0, names_count(&names, 0) - 1).name;
		/* The symbol also tells which calling convention. */
		if (len > 5 && strcmp(syms[i].name + len - 5, ".abi0") == 0)
			len -= 5;
		if (strlen(name) != len || strncmp(name, syms[i].name, len) != 0)
			fail_msg("%s is called %s", syms[i].name, name);
		compared++;
	}
	assert_true(compared > 300);
}

/* FILE:LINE of all frames, by DWARF, innermost first: addr2line -a -i. */
static void compare_lines(struct opened *o, const struct go_symbol *syms, size_t n)
{
	_cleanup_buf_ struct buf in = {0}, out = {0}, block = {0};
	struct names names = {0};
	char *at, *line, have[4500];
	uint32_t k = 0, inlined = 0;

	for (size_t i = 0; i < n; i += STEP)
		buf_printf(&in, "%" PRIx64 "\n", syms[i].start + syms[i].size / 2);
	shop_write("addrs", in.data, in.len);
	shop_run(&out, "addr2line -a -i -e full <addrs");
	buf_append(&out, "", 1);
	at = out.data;
	while (next_line(&at, &line)) {
		struct name_line l;

		if (strncmp(line, "0x", 2) == 0) {
			names = resolve(o, strtoull(line, NULL, 16), &block);
			k = 0;
			continue;
		}
		l = names_get(&names, 0, k++);
		inlined += k > 1;
		line[strcspn(line, " ")] = '\0';
		snprintf(have, sizeof(have), "%s:%u", l.file, l.line);
		/* Wrappers have no file of their own. */
		if (!strstr(line, "<autogenerated>") && !strchr(line, '?') &&
		    strcmp(line, have) != 0)
			fail_msg("%s (frame %u) is at %s, not %s", l.name, k, line, have);
	}
	assert_true(inlined > 50);
}

static void check_mode(const char *mode, const char *ldflags)
{
	_cleanup_free_ struct go_symbol *syms = calloc(SYMBOLS_MAX, sizeof(*syms));
	_cleanup_buf_ struct buf text = {0};
	struct opened o;
	size_t n;

	if (!build_go(mode, ldflags))
		skip();
	n = keep_go(syms, read_symbols(&text, syms, SYMBOLS_MAX));
	assert_true(n > 1000);
	open_table(&o, "bare");
	compare_names(&o, syms, n);
	compare_lines(&o, syms, n);
	close_table(&o);
}

static void test_plain(void **state)
{
	(void)state;
	check_mode("", "");
}

static void test_pie(void **state)
{
	(void)state;
	check_mode("-buildmode=pie", "");
}

/* ld puts the table where no section says that it is, and the text's start in a relocation. */
static void test_external_pie(void **state)
{
	(void)state;
	check_mode("-buildmode=pie", "-linkmode=external");
}

/* As sstrip leaves it. */
static void test_no_sections(void **state)
{
	_cleanup_buf_ struct buf file = {0}, block = {0};
	_cleanup_close_ int fd = -1;
	struct names names;
	struct opened o;

	(void)state;
	if (!build_go("", ""))
		skip();
	fd = shop_open_file("bare");
	assert_int_equal(buf_read_fd(&file, fd), 0);
	memset(file.data + 0x28, 0, 8);
	memset(file.data + 0x3a, 0, 6);
	shop_write("sstripped", file.data, file.len);
	open_table(&o, "sstripped");
	names = resolve(&o, shop_symbol("full", "main.outer"), &block);
	assert_string_equal(names_get(&names, 0, 0).name, "main.outer");
	close_table(&o);
}

/* middle() and leaf() are inlined into outer(): lines of main.go. */
static void test_inlined(void **state)
{
	static const char *const want[] = {"main.leaf", "main.middle", "main.outer"};
	_cleanup_free_ struct go_symbol *syms = calloc(SYMBOLS_MAX, sizeof(*syms));
	_cleanup_buf_ struct buf text = {0}, block = {0};
	uint64_t at = 0, end = 0;
	struct names names;
	struct opened o;
	size_t n;

	(void)state;
	if (!build_go("", ""))
		skip();
	n = read_symbols(&text, syms, SYMBOLS_MAX);
	for (size_t i = 0; i < n; i++)
		if (!strcmp(syms[i].name, "main.outer")) {
			at = syms[i].start;
			end = at + syms[i].size;
		}
	open_table(&o, "bare");
	do
		names = resolve(&o, at++, &block);
	while (names_count(&names, 0) < 3 && at < end);
	assert_int_equal(names_count(&names, 0), 3);
	for (uint32_t k = 0; k < 3; k++) {
		assert_string_equal(names_get(&names, 0, k).name, want[k]);
		assert_non_null(strstr(names_get(&names, 0, k).file, "/main.go"));
	}
	assert_in_range(names_get(&names, 0, 0).line, 10, 13);
	assert_int_equal(names_get(&names, 0, 1).line, 17);
	assert_int_equal(names_get(&names, 0, 2).line, 24);
	close_table(&o);
}

static void not_go(struct opened *o)
{
	struct names_builder b = {0};

	names_begin(&b);
	assert_int_equal(pclntab_resolve(o->table, 0, &b), -ENOENT);
	assert_int_equal(pclntab_resolve(o->table, UINT64_MAX, &b), -ENOENT);
	names_builder_deinit(&b);
}

static void test_outside(void **state)
{
	struct elf_image *img;
	struct pclntab *t;
	struct opened o;
	int fd;

	(void)state;
	if (!build_go("", ""))
		skip();
	open_table(&o, "bare");
	not_go(&o);
	close_table(&o);
	fd = shop_open_file("/proc/self/exe");
	assert_int_equal(elf_image_open(fd, &img), 0);
	assert_int_equal(pclntab_open(img, &t), -ENOENT);
	elf_image_close(img);
	close(fd);
}

static void map_rows(struct opened *o, struct buf *block, struct kpprof_rows *rows)
{
	struct rows_builder b = {0};

	assert_int_equal(pclntab_rows(o->table, &b), 0);
	assert_int_equal(rows_finish(&b, block), 0);
	assert_int_equal(rows_map(block->data, block->len, rows), 0);
}

static const struct kpprof_rule *rule_at(struct opened *o, const struct kpprof_rows *rows,
					 uint64_t vaddr)
{
	const struct kpprof_rule *rule;
	uint64_t offset;

	assert_true(elf_vaddr_to_offset(o->img, vaddr, &offset));
	rule = kpprof_rows_find(rows, offset, NULL);
	assert_non_null(rule);
	return rule;
}

/* A row of readelf --debug-dump=frames-interp: address, CFA as rsp+N. */
static void compare_rows(struct opened *o, const struct kpprof_rows *rows, char *at)
{
	size_t same = 0, special = 0;
	uint64_t pc;
	char *line;
	int cfa;

	while (next_line(&at, &line)) {
		const struct kpprof_rule *r;

		if (sscanf(line, "%16" SCNx64 " rsp+%d", &pc, &cfa) != 2 || strlen(line) < 20 ||
		    !pc)
			continue;
		r = rule_at(o, rows, pc);
		if (r->kind == KPPROF_RULE_STOP || r->kind == KPPROF_RULE_SWITCH) {
			special++;
			continue;
		}
		if (r->kind != KPPROF_RULE_CFA || r->reg != KPPROF_REG_SP || r->off != cfa)
			fail_msg("at %" PRIx64 ": kind %d, register %d + %d, not rsp+%d", pc,
				 r->kind, r->reg, r->off, cfa);
		same++;
	}
	assert_true(same > 3000);
	assert_in_range(special, 5, 100);
}

static void test_rows(void **state)
{
	_cleanup_buf_ struct buf text = {0}, block = {0};
	const struct kpprof_rule *r;
	struct kpprof_rows rows;
	struct opened o;

	(void)state;
	if (!build_go("", ""))
		skip();
	shop_run(&text, "readelf --debug-dump=frames-interp full");
	buf_append(&text, "", 1);
	open_table(&o, "bare");
	map_rows(&o, &block, &rows);
	compare_rows(&o, &rows, text.data);
	assert_int_equal(rule_at(&o, &rows, shop_symbol("full", "runtime.goexit.abi0"))->kind,
			 KPPROF_RULE_STOP);
	assert_int_equal(rule_at(&o, &rows, shop_symbol("full", "runtime.mcall"))->kind,
			 KPPROF_RULE_STOP);
	assert_int_equal(rule_at(&o, &rows, shop_symbol("full", "runtime.systemstack.abi0"))->kind,
			 KPPROF_RULE_SWITCH);
	/* Without a frame the caller's frame pointer is in its register. */
	r = rule_at(&o, &rows, shop_symbol("full", "main.main"));
	assert_int_equal(r->off, 8);
	assert_int_equal(r->fp, KPPROF_FP_SAME);
	r = rule_at(&o, &rows, shop_symbol("full", "main.main") + 64);
	assert_true(r->off > 16);
	assert_int_equal(r->fp, KPPROF_FP_CFA);
	assert_int_equal(r->fp_off, -16);
	close_table(&o);
}

/* A table made by hand: two functions at TEXT, of 16 and 32 bytes. */
enum {
	TEXT = 0x401000,
	HEADER = 72,
	NAMES = 80,
	CUS = 112,
	FILES = 128,
	PCS = 144,
	FUNCS = 192,
	SIZE = 512
};

struct table {
	_Alignas(8) uint8_t data[SIZE];
};

static void put32(struct table *t, size_t at, uint32_t v)
{
	memcpy(t->data + at, &v, sizeof(v));
}

static void put64(struct table *t, size_t at, uint64_t v)
{
	memcpy(t->data + at, &v, sizeof(v));
}

/* Value 0 for 4 bytes, 24 for all that follow, up to 48 bytes; line 7, 9 from byte 8 on; file 0. */
static const uint8_t pc_tables[] = {0xff, /* no table begins at 0 */
				    2,	  4, 48, 44, 0, 16, 8, 4, 40, 0, 2, 48, 0};
enum { PCSP = 1, PCLN = 6, PCFILE = 11 };

static void put_func(struct table *t, enum gotable_version v, size_t at, uint32_t i)
{
	size_t pc = v >= GO_1_18 ? 4 : 8, tail = at + pc + 28;
	uint32_t base = v == GO_1_2 ? PCS : 0;

	put32(t, at, v >= GO_1_18 ? 16 * i : TEXT + 16 * i);
	put32(t, at + pc, (v == GO_1_2 ? NAMES : 0) + 1 + 7 * i);
	put32(t, at + pc + 12, base + PCSP);
	put32(t, at + pc + 16, base + PCFILE);
	put32(t, at + pc + 20, base + PCLN);
	if (v >= GO_1_16) {
		put32(t, tail, 0);
		tail += 4;
	}
	if (v >= GO_1_20) {
		put32(t, tail, 5 + i);
		tail += 4;
	}
	if (v >= GO_1_16)
		t->data[tail + 1] = i ? GO_FUNC_SPWRITE : GO_FUNC_TOPFRAME;
}

static void put_header(struct table *t, enum gotable_version v)
{
	static const uint32_t magic[] = {0xfffffffb, 0xfffffffa, 0xfffffff0, 0xfffffff1};
	size_t at = 24;

	put32(t, 0, magic[v]);
	t->data[6] = 1;
	t->data[7] = 8;
	put64(t, 8, 2);
	put64(t, 16, 1);
	if (v >= GO_1_18) {
		put64(t, at, TEXT);
		at += 8;
	}
	put64(t, at, NAMES);
	put64(t, at + 8, CUS);
	put64(t, at + 16, FILES);
	put64(t, at + 24, PCS);
	put64(t, at + 32, FUNCS);
}

static void put_functab(struct table *t, enum gotable_version v)
{
	static const uint32_t ends[] = {0, 16, 48};
	size_t at = v == GO_1_2 ? 16 : FUNCS, base = v == GO_1_2 ? 0 : FUNCS;

	for (uint32_t i = 0; i < 3; i++) {
		uint64_t func = FUNCS + 64 + 64 * (uint64_t)i - base;

		if (v >= GO_1_18) {
			put32(t, at + 8 * i, ends[i]);
			put32(t, at + 8 * i + 4, i < 2 ? (uint32_t)func : 0);
		} else {
			put64(t, at + 16 * i, TEXT + ends[i]);
			if (i < 2)
				put64(t, at + 16 * i + 8, func);
		}
		if (i < 2)
			put_func(t, v, FUNCS + 64 + 64 * i, i);
	}
}

static void make_table(struct table *t, enum gotable_version v)
{
	memset(t, 0, sizeof(*t));
	if (v == GO_1_2) {
		put32(t, 0, 0xfffffffb);
		t->data[6] = 1;
		t->data[7] = 8;
		put64(t, 8, 2);
		/* Behind the end pc: where the files are; file 0 stands for none. */
		put32(t, 16 + 40, CUS);
		put32(t, CUS, 2);
		put32(t, CUS + 4, FILES);
	} else {
		put_header(t, v);
		put32(t, CUS, 0);
	}
	memcpy(t->data + NAMES, "\0main.a\0main.b", 15);
	memcpy(t->data + FILES, "main.go", 8);
	memcpy(t->data + PCS, pc_tables, sizeof(pc_tables));
	/* In Go 1.2 files count from 1. */
	if (v == GO_1_2)
		t->data[PCS + PCFILE] = 4;
	put_functab(t, v);
}

static void check_version(enum gotable_version v)
{
	uint32_t steps = 1000;
	struct gotable t;
	struct table raw;
	struct gofunc f;

	make_table(&raw, v);
	assert_int_equal(gotable_init(&t, raw.data, sizeof(raw)), 0);
	assert_int_equal(t.version, v);
	assert_int_equal(t.nfunc, 2);
	assert_false(gotable_find(&t, TEXT - 1, &f));
	assert_false(gotable_find(&t, TEXT + 48, &f));
	assert_true(gotable_find(&t, TEXT + 15, &f));
	assert_string_equal(gotable_string(&t.names, f.name), "main.a");
	assert_true(gotable_find(&t, TEXT + 16, &f));
	assert_string_equal(gotable_string(&t.names, f.name), "main.b");
	assert_int_equal(f.entry, TEXT + 16);
	assert_int_equal(f.end, TEXT + 48);
	assert_int_equal(f.start_line, v >= GO_1_20 ? 6 : 0);
	assert_int_equal(f.flags, v >= GO_1_16 ? GO_FUNC_SPWRITE : 0);
	assert_int_equal(gotable_value(&t, &f, f.pcsp, TEXT + 19, &steps), 0);
	assert_int_equal(gotable_value(&t, &f, f.pcsp, TEXT + 20, &steps), 24);
	assert_int_equal(gotable_value(&t, &f, f.pcln, TEXT + 16, &steps), 7);
	assert_int_equal(gotable_value(&t, &f, f.pcln, TEXT + 24, &steps), 9);
	assert_int_equal(gotable_value(&t, &f, f.pcln, TEXT + 4096, &steps), -1);
	assert_string_equal(
		gotable_file(&t, &f, gotable_value(&t, &f, f.pcfile, TEXT + 30, &steps)),
		"main.go");
	assert_null(gotable_file(&t, &f, -1));
}

static void test_versions(void **state)
{
	(void)state;
	check_version(GO_1_2);
	check_version(GO_1_16);
	check_version(GO_1_18);
	check_version(GO_1_20);
}

/* Cut anywhere, and with any byte changed: an error or wrong names, but no access outside. */
static void test_damaged(void **state)
{
	(void)state;
	for (enum gotable_version v = GO_1_2; v <= GO_1_20; v++) {
		for (size_t at = 0; at < 2 * SIZE; at++) {
			size_t size = at < SIZE ? at : SIZE;
			_cleanup_free_ uint8_t *copy = malloc(size ? size : 1);
			uint32_t steps = 100000;
			struct table raw;
			struct gotable t;
			struct gofunc f;

			make_table(&raw, v);
			if (at >= SIZE)
				raw.data[at - SIZE] ^= 0xff;
			memcpy(copy, raw.data, size);
			if (gotable_init(&t, copy, size) != 0)
				continue;
			for (uint64_t pc = TEXT; pc < TEXT + 48; pc += 8)
				if (gotable_find(&t, pc, &f)) {
					gotable_string(&t.names, f.name);
					gotable_file(&t, &f,
						     gotable_value(&t, &f, f.pcfile, pc, &steps));
					gotable_funcdata(&t, &f, GO_FUNCDATA_INL_TREE);
				}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_plain, go_setup, shop_teardown),
		cmocka_unit_test_setup_teardown(test_pie, go_setup, shop_teardown),
		cmocka_unit_test_setup_teardown(test_external_pie, go_setup, shop_teardown),
		cmocka_unit_test_setup_teardown(test_no_sections, go_setup, shop_teardown),
		cmocka_unit_test_setup_teardown(test_inlined, go_setup, shop_teardown),
		cmocka_unit_test_setup_teardown(test_outside, go_setup, shop_teardown),
		cmocka_unit_test_setup_teardown(test_rows, go_setup, shop_teardown),
		cmocka_unit_test_setup_teardown(test_inlined_versions, shop_setup, shop_teardown),
		cmocka_unit_test(test_versions),
		cmocka_unit_test(test_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
