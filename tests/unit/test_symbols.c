// SPDX-License-Identifier: GPL-2.0-or-later
/* agent/image/symbols: names and lines of samples that are compiled here, stripped in every way. */
#include <elf.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "../../agent/base/cleanup.h"
#include "../../agent/image/elf.h"
#include "../../agent/image/symbols.h"
#include "../lib/workshop.h"

/* An image with its symbols, and the block of names that was made last. */
struct sample {
	int fd, debug_fd;
	struct elf_image *img, *debug;
	struct symbols *symbols;
	struct buf block;
	struct names names;
};

static void sample_open(struct sample *s, const char *file, const char *debug)
{
	*s = (struct sample){.fd = shop_open_file(file),
			     .debug_fd = debug ? shop_open_file(debug) : -1};
	assert_int_equal(elf_image_open(s->fd, &s->img), 0);
	if (debug)
		assert_int_equal(elf_image_open(s->debug_fd, &s->debug), 0);
	assert_int_equal(symbols_create(s->img, s->debug, &s->symbols), 0);
	assert_true(symbols_bytes(s->symbols) > 0);
}

static void sample_close(struct sample *s)
{
	symbols_destroy(s->symbols);
	elf_image_close(s->debug);
	elf_image_close(s->img);
	buf_deinit(&s->block);
	close(s->fd);
	if (s->debug_fd >= 0)
		close(s->debug_fd);
}

static void resolve_offsets(struct sample *s, const uint64_t *offsets, size_t n)
{
	struct names_builder b = {0};

	buf_deinit(&s->block);
	assert_int_equal(symbols_resolve(s->symbols, "prog", offsets, n, &b), 0);
	assert_int_equal(names_finish(&b, &s->block), 0);
	assert_int_equal(names_map(s->block.data, s->block.len, &s->names), 0);
	assert_int_equal(s->names.naddrs, n);
}

static void resolve(struct sample *s, uint64_t vaddr)
{
	uint64_t offset;

	assert_true(elf_vaddr_to_offset(s->img, vaddr, &offset));
	resolve_offsets(s, &offset, 1);
}

static void expect_name(struct sample *s, uint64_t vaddr, const char *name)
{
	resolve(s, vaddr);
	assert_int_equal(names_count(&s->names, 0), 1);
	assert_string_equal(names_get(&s->names, 0, 0).name, name);
}

static void expect_invented(struct sample *s, uint64_t vaddr)
{
	char want[64];

	snprintf(want, sizeof(want), "prog+0x%" PRIx64, vaddr);
	expect_name(s, vaddr, want);
	assert_true(s->names.flags & NAMES_INVENTED);
	/* Also in the middle of the function. */
	expect_name(s, vaddr + 1, want);
}

static const char plain_c[] =
	"#define NOINLINE __attribute__((noinline, noclone))\n"
	"volatile int sink;\n"
	"NOINLINE static int hidden(int x) { for (int i = 0; i < x; i++) sink += i; return sink; "
	"}\n"
	"NOINLINE int __impl_visible(int x) { sink += x; return hidden(x) + 1; }\n"
	"int visible(int x) __attribute__((weak, alias(\"__impl_visible\")));\n"
	"int _IO_visible(int x) __attribute__((alias(\"__impl_visible\")));\n"
	"__asm__(\".pushsection .text.asm,\\\"ax\\\"\\n.globl handmade\\n.type "
	"handmade,@function\\n\"\n"
	"        \"handmade: nop\\nhandmade_loop: nop\\nnop\\nret\\n\"\n"
	"        \".globl cut_short\\n.type cut_short,@function\\n\"\n"
	"        \"cut_short: nop\\n.size cut_short, 1\\nnop\\nret\\n\"\n"
	"        \".globl typeless\\ntypeless: nop\\nnop\\nret\\n.popsection\");\n"
	"int main(int argc, char **argv) { (void)argv; return visible(argc); }\n";

static void build_plain(const char *flags)
{
	shop_source("plain.c", plain_c);
	shop_run(NULL, "gcc -O1 %s -o plain plain.c", flags);
}

static void test_symtab(void **state)
{
	struct sample s;

	(void)state;
	build_plain("");
	sample_open(&s, "plain", NULL);
	expect_name(&s, shop_symbol("plain", "hidden"), "hidden");
	expect_name(&s, shop_symbol("plain", "hidden") + 3, "hidden");
	expect_name(&s, shop_symbol("plain", "main"), "main");
	/* Of several names the one without underscores, weak or not. */
	expect_name(&s, shop_symbol("plain", "__impl_visible"), "visible");
	/* A function without a size has its labels, too; code without a type has them for names. */
	expect_name(&s, shop_symbol("plain", "handmade"), "handmade");
	expect_name(&s, shop_symbol("plain", "handmade_loop") + 1, "handmade");
	/* So has one that goes on behind its size. */
	expect_name(&s, shop_symbol("plain", "cut_short") + 2, "cut_short");
	assert_true(s.names.flags & NAMES_ALL_FUNCTIONS);
	assert_false(s.names.flags & (NAMES_INVENTED | NAMES_HAVE_LINES));
	sample_close(&s);
}

static void test_typeless(void **state)
{
	struct sample s;

	(void)state;
	shop_source("label.S", ".section .text.x,\"ax\"\n.globl label_a\nlabel_a: nop\nnop\n"
			       ".globl label_b\nlabel_b: nop\nret\n.Llocal: nop\n");
	shop_source("label.c", "int main(void) { return 0; }\n");
	shop_run(NULL, "gcc -o label label.c label.S");
	sample_open(&s, "label", NULL);
	expect_name(&s, shop_symbol("label", "label_a") + 1, "label_a");
	expect_name(&s, shop_symbol("label", "label_b") + 2, "label_b");
	sample_close(&s);
}

/* Symbols of a stripped program; the rest has places for names, and the flag says so. */
static void test_dynsym(void **state)
{
	struct sample s;
	uint64_t hidden, visible;

	(void)state;
	build_plain("-rdynamic");
	hidden = shop_symbol("plain", "hidden");
	visible = shop_symbol("plain", "visible");
	shop_run(NULL, "strip -o stripped plain");
	sample_open(&s, "stripped", NULL);
	expect_name(&s, visible, "visible");
	assert_int_equal(s.names.flags, NAMES_ALL_FUNCTIONS);
	expect_invented(&s, hidden);
	assert_int_equal(s.names.flags, NAMES_INVENTED);
	sample_close(&s);
}

/* A symbol without a size does not reach into a function that only frame information knows. */
static void test_unsized_ends(void **state)
{
	struct sample s;
	uint64_t hidden;

	(void)state;
	shop_source("naked.S", ".text\n.globl naked\n.type naked,@function\nnaked: nop\nnop\nret\n"
			       "hidden: .cfi_startproc\nnop\nret\n.cfi_endproc\n");
	shop_source("main.c", "int main(void) { return 0; }\n");
	shop_run(NULL, "gcc -rdynamic -o naked main.c naked.S");
	hidden = shop_symbol("naked", "hidden");
	shop_run(NULL, "strip naked");
	sample_open(&s, "naked", NULL);
	expect_name(&s, hidden - 2, "naked");
	expect_invented(&s, hidden);
	sample_close(&s);
}

static void test_no_symbols(void **state)
{
	struct sample s;
	uint64_t hidden;

	(void)state;
	build_plain("");
	hidden = shop_symbol("plain", "hidden");
	shop_run(NULL, "strip -o stripped plain");
	sample_open(&s, "stripped", NULL);
	expect_invented(&s, hidden);
	sample_close(&s);
}

/* As sstrip leaves it: no section headers at all. */
static void strip_sections(const char *from, const char *to)
{
	_cleanup_close_ int fd = shop_open_file(from);
	_cleanup_buf_ struct buf file = {0};
	Elf64_Ehdr *eh;

	assert_int_equal(buf_read_fd(&file, fd), 0);
	eh = (Elf64_Ehdr *)(void *)file.data;
	eh->e_shoff = eh->e_shnum = eh->e_shstrndx = 0;
	shop_write(to, file.data, file.len);
}

static void test_no_sections(void **state)
{
	static const char *const styles[] = {"-Wl,--hash-style=gnu", "-Wl,--hash-style=sysv"};
	struct sample s;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(styles); i++) {
		_cleanup_buf_ struct buf flags = {0};

		buf_printf(&flags, "-rdynamic %s", styles[i]);
		buf_append(&flags, "", 1);
		build_plain(flags.data);
		strip_sections("plain", "bare");
		sample_open(&s, "bare", NULL);
		expect_name(&s, shop_symbol("plain", "visible"), "visible");
		expect_name(&s, shop_symbol("plain", "main") + 2, "main");
		expect_invented(&s, shop_symbol("plain", "hidden"));
		sample_close(&s);
	}
}

/* As Fedora's find-debuginfo does it. */
static void test_minidebug(void **state)
{
	struct sample s;

	(void)state;
	if (!shop_has("xz"))
		skip();
	build_plain("-rdynamic");
	shop_run(NULL,
		 "nm -D --defined-only --format=posix plain | awk '{ print $1 }' | sort >dyn");
	shop_run(NULL, "nm --defined-only --format=posix plain | awk '$2 ~ /[tT]/ { print $1 }' | "
		       "sort | comm -13 dyn - >keep");
	shop_run(NULL,
		 "objcopy --only-keep-debug plain debug && objcopy -S --remove-section .comment "
		 "--keep-symbols=keep debug mini && xz -k -f mini");
	shop_run(NULL, "strip -o stripped plain && "
		       "objcopy --add-section .gnu_debugdata=mini.xz stripped fedora");
	sample_open(&s, "fedora", NULL);
	expect_name(&s, shop_symbol("plain", "hidden"), "hidden");
	expect_name(&s, shop_symbol("plain", "visible"), "visible");
	assert_int_equal(s.names.flags, NAMES_ALL_FUNCTIONS);
	sample_close(&s);
	/* Cut short: as if there was none. */
	shop_run(NULL, "head -c 200 mini.xz >cut && "
		       "objcopy --add-section .gnu_debugdata=cut stripped fedora");
	sample_open(&s, "fedora", NULL);
	expect_invented(&s, shop_symbol("plain", "hidden"));
	sample_close(&s);
}

/* Line numbers count: the tests name them. */
static const char inlined_cc[] =
	"volatile int sink;\n"						     /* 1 */
	"static inline __attribute__((always_inline))\n"		     /* 2 */
	"void innermost(int x)\n"					     /* 3 */
	"{\n"								     /* 4 */
	"	sink += x;\n"						     /* 5 */
	"	__asm__ volatile(\".globl spot\\nspot: nop\");\n"	     /* 6 */
	"}\n"								     /* 7 */
	"namespace shop { struct till {\n"				     /* 8 */
	"	inline __attribute__((always_inline)) void middle(int x)\n"  /* 9 */
	"	{\n"							     /* 10 */
	"		if (x) {\n"					     /* 11 */
	"			int y = x * 3;\n"			     /* 12 */
	"			innermost(y);\n"			     /* 13 */
	"		}\n"						     /* 14 */
	"	}\n"							     /* 15 */
	"	__attribute__((noinline)) int ring(int x);\n"		     /* 16 */
	"}; }\n"							     /* 17 */
	"int shop::till::ring(int x)\n"					     /* 18 */
	"{\n"								     /* 19 */
	"	middle(x + 1);\n"					     /* 20 */
	"	return sink;\n"						     /* 21 */
	"}\n"								     /* 22 */
	"namespace {\n"							     /* 23 */
	"__attribute__((noinline)) int local(int x) { return sink += x; }\n" /* 24 */
	"}\n"								     /* 25 */
	"int main(int argc, char **) { return shop::till().ring(argc) + local(argc); }\n";

static void expect_line(const struct sample *s, uint32_t k, const char *name, uint32_t line,
			uint32_t start)
{
	struct name_line l = names_get(&s->names, 0, k);
	const char *base = strrchr(l.file, '/');

	assert_string_equal(l.name, name);
	assert_non_null(base);
	assert_string_equal(base, "/inlined.cc");
	assert_int_equal(l.file[0], '/');
	assert_int_equal(l.line, line);
	assert_int_equal(l.start_line, start);
}

static void expect_inlined(struct sample *s, uint64_t spot, uint64_t local)
{
	resolve(s, spot);
	assert_int_equal(names_count(&s->names, 0), 3);
	assert_int_equal(s->names.flags,
			 NAMES_ALL_FUNCTIONS | NAMES_HAVE_LINES | NAMES_HAVE_INLINES);
	/* A function that is only inlined and static has no linkage name with gcc, one with clang.
	 */
	if (names_get(&s->names, 0, 0).name[0] == '_')
		expect_line(s, 0, "_ZL9innermosti", 6, 3);
	else
		expect_line(s, 0, "innermost", 6, 3);
	expect_line(s, 1, "_ZN4shop4till6middleEi", 13, 9);
	expect_line(s, 2, "_ZN4shop4till4ringEi", 20, names_get(&s->names, 0, 2).start_line);
	resolve(s, local);
	assert_int_equal(names_count(&s->names, 0), 1);
	expect_line(s, 0, "_ZN12_GLOBAL__N_15localEi", 24, 24);
}

static uint64_t symbol_like(const char *file, const char *part)
{
	_cleanup_buf_ struct buf out = {0};

	shop_run(&out, "nm '%s' | awk '/%s/ { print $1; exit }'", file, part);
	buf_append(&out, "", 1);
	assert_true(out.len > 8);
	return strtoull(out.data, NULL, 16);
}

static void check_dwarf(const char *compiler, const char *flags)
{
	struct sample s;
	uint64_t spot, local;

	shop_source("inlined.cc", inlined_cc);
	shop_run(NULL, "%s %s -o inlined inlined.cc", compiler, flags);
	spot = shop_symbol("inlined", "spot");
	local = symbol_like("inlined", "5local");
	sample_open(&s, "inlined", NULL);
	expect_inlined(&s, spot, local);
	sample_close(&s);
	shop_run(NULL, "objcopy --only-keep-debug inlined inlined.debug && strip inlined");
	sample_open(&s, "inlined", "inlined.debug");
	expect_inlined(&s, spot, local);
	sample_close(&s);
}

static void test_dwarf_gcc(void **state)
{
	(void)state;
	check_dwarf("g++", "-O2 -g -gdwarf-4");
	check_dwarf("g++", "-O2 -g -gdwarf-5");
	check_dwarf("g++", "-O2 -g -gdwarf-5 -gz=zlib -no-pie");
	check_dwarf("g++", "-O2 -g -gdwarf-4 -gz=zlib-gnu -ffunction-sections -Wl,--gc-sections");
	check_dwarf("g++", "-O2 -g -flto -ffat-lto-objects");
	check_dwarf("g++", "-Os -g1");
}

static void test_dwarf_clang(void **state)
{
	(void)state;
	if (!shop_has("clang++"))
		skip();
	/* clang makes no .debug_aranges. */
	check_dwarf("clang++", "-O2 -g -gdwarf-4");
	check_dwarf("clang++", "-O2 -g -gdwarf-5");
	check_dwarf("clang++", "-O2 -g -gdwarf-5 -gz=zlib -static-pie");
}

/* Assembly has lines but no functions in DWARF. */
static void test_dwarf_assembly(void **state)
{
	struct name_line l;
	struct sample s;

	(void)state;
	shop_source("asm.S", ".text\n.globl work\n.type work,@function\nwork:\n	nop\n	ret\n"
			     ".size work, .-work\n");
	shop_source("main.c", "int main(void) { return 0; }\n");
	shop_run(NULL, "gcc -g -o asm main.c asm.S");
	sample_open(&s, "asm", NULL);
	resolve(&s, shop_symbol("asm", "work") + 1);
	assert_int_equal(names_count(&s.names, 0), 1);
	l = names_get(&s.names, 0, 0);
	assert_string_equal(l.name, "work");
	assert_int_equal(l.line, 6);
	assert_non_null(strstr(l.file, "/asm.S"));
	sample_close(&s);
}

/* Split DWARF: the lines are in the program, the functions in a file that is not opened. */
static void test_dwarf_split(void **state)
{
	struct sample s;

	(void)state;
	shop_source("inlined.cc", inlined_cc);
	shop_run(NULL, "g++ -O2 -g -gsplit-dwarf -o inlined inlined.cc");
	sample_open(&s, "inlined", NULL);
	resolve(&s, shop_symbol("inlined", "spot"));
	assert_int_equal(names_count(&s.names, 0), 1);
	assert_string_equal(names_get(&s.names, 0, 0).name, "_ZN4shop4till4ringEi");
	assert_int_equal(names_get(&s.names, 0, 0).line, 6);
	sample_close(&s);
}

/*
 * A function whose name is in a file that .gnu_debugaltlink names. That file is a pipe: who opens
 * it waits for ever.
 */
static void test_dwarf_altlink(void **state)
{
	static const char alt_s[] =
		".globl main\n.type main,@function\nmain: xor %eax,%eax\nret\n.size "
		"main,.-main\nmain_end:\n"
		".section .debug_abbrev,\"\",@progbits\n"
		".uleb128 1,0x11\n.byte 1\n.uleb128 0x11,1,0x12,1,0,0\n"
		".uleb128 2,0x2e\n.byte 0\n.uleb128 0x11,1,0x12,1,0x3,0x1f21,0,0\n.byte 0\n"
		".section .debug_info,\"\",@progbits\n"
		".long 2f-1f\n1: .value 4\n.long 0\n.byte 8\n"
		".uleb128 1\n.quad main,main_end\n"
		".uleb128 2\n.quad main,main_end\n.long 0\n.byte 0\n2:\n"
		".section .gnu_debugaltlink,\"\",@progbits\n.asciz \"alt\"\n.zero 20\n"
		".section .debug_str,\"MS\",@progbits,1\n.asciz \"wrong\"\n"
		".section .note.GNU-stack,\"\"\n";
	struct sample s;
	char path[600];
	uint64_t at;

	(void)state;
	snprintf(path, sizeof(path), "%s/alt", shop_dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	shop_source("altlink.s", alt_s);
	shop_run(NULL, "gcc -nostdlib -static -Wl,-e,main -o altlink altlink.s");
	assert_int_equal(chdir(shop_dir), 0);
	alarm(20);
	at = shop_symbol("altlink", "main") + 1;
	sample_open(&s, "altlink", NULL);
	expect_name(&s, at, "main");
	sample_close(&s);
	/* Not even a symbol: no name, but not an empty one. */
	shop_run(NULL, "objcopy -N main -N main_end altlink");
	sample_open(&s, "altlink", NULL);
	resolve(&s, at);
	assert_int_equal(names_count(&s.names, 0), 0);
	sample_close(&s);
	alarm(0);
	assert_int_equal(chdir("/"), 0);
}

/* Offsets come in any order, twice, and from outside. */
static void test_order(void **state)
{
	uint64_t offsets[5];
	struct sample s;

	(void)state;
	build_plain("-g");
	sample_open(&s, "plain", NULL);
	assert_true(elf_vaddr_to_offset(s.img, shop_symbol("plain", "main"), &offsets[0]));
	assert_true(elf_vaddr_to_offset(s.img, shop_symbol("plain", "hidden"), &offsets[1]));
	offsets[2] = UINT64_MAX;
	offsets[3] = offsets[0];
	offsets[4] = 0;
	resolve_offsets(&s, offsets, 5);
	assert_string_equal(names_get(&s.names, 0, 0).name, "main");
	assert_string_equal(names_get(&s.names, 1, 0).name, "hidden");
	assert_int_equal(names_count(&s.names, 2), 0);
	assert_string_equal(names_get(&s.names, 3, 0).name, "main");
	assert_int_equal(names_count(&s.names, 4), 0);
	resolve_offsets(&s, NULL, 0);
	sample_close(&s);
}

/* One line of text from a buffer; false at the end. */
static bool next_line(char **at, char **line)
{
	*line = *at;
	*at = strchr(*at, '\n');
	if (!*at)
		return false;
	*(*at)++ = '\0';
	return true;
}

enum { ORACLE = 2000 };

/* Addresses all over .text, in the order of a shuffled list. */
static void random_text(const char *file, struct sample *s, uint64_t vaddrs[ORACLE],
			uint64_t offsets[ORACLE])
{
	const struct elf_section *text;

	sample_open(s, file, NULL);
	text = elf_section_find(s->img, ".text");
	assert_non_null(text);
	srandom(4);
	for (size_t i = 0; i < ORACLE; i++) {
		vaddrs[i] =
			text->addr + ((uint64_t)random() << 16 ^ (uint64_t)random()) % text->size;
		assert_true(elf_vaddr_to_offset(s->img, vaddrs[i], &offsets[i]));
	}
	resolve_offsets(s, offsets, ORACLE);
}

struct nm_symbol {
	uint64_t start, size;
	const char *name;
};

/* nm -D: all functions that have a size. */
static size_t read_nm(const char *file, struct buf *text, struct nm_symbol *out, size_t max)
{
	char *at, *line, name[512], type;
	size_t n = 0;

	shop_run(text, "nm -D -S --defined-only '%s'", file);
	buf_append(text, "", 1);
	at = text->data;
	while (next_line(&at, &line) && n < max) {
		struct nm_symbol *s = &out[n];

		if (sscanf(line, "%" SCNx64 " %" SCNx64 " %c %511s", &s->start, &s->size, &type,
			   name) != 4 ||
		    !strchr("TtWwi", type))
			continue;
		line[strcspn(line, "@")] = '\0';
		s->name = strrchr(line, ' ') + 1;
		n++;
	}
	return n;
}

/* The name is one of those that nm has for the address; no name, or an invented one, when it has
 * none. */
static void compare_nm(const char *file)
{
	enum { MAX = 50000 };
	_cleanup_free_ struct nm_symbol *syms = calloc(MAX, sizeof(*syms));
	uint64_t vaddrs[ORACLE], offsets[ORACLE];
	_cleanup_buf_ struct buf text = {0};
	size_t n = read_nm(file, &text, syms, MAX), named = 0;
	struct sample s;

	random_text(file, &s, vaddrs, offsets);
	for (uint32_t i = 0; i < ORACLE; i++) {
		const char *name = names_get(&s.names, i, 0).name;
		bool known = false, same = false;

		for (size_t k = 0; k < n; k++) {
			if (vaddrs[i] - syms[k].start >= syms[k].size)
				continue;
			known = true;
			same = same || !strcmp(syms[k].name, name);
		}
		if (same != known || (!known && *name && strncmp(name, "prog+0x", 7) != 0))
			fail_msg("%s: %" PRIx64 " is called '%s'", file, vaddrs[i], name);
		named += known;
	}
	assert_true(named > ORACLE / 20);
	sample_close(&s);
}

static void test_nm_libc(void **state)
{
	_cleanup_buf_ struct buf path = {0};

	(void)state;
	shop_run(&path, "realpath \"$(gcc -print-file-name=libc.so.6)\" | tr -d '\\n'");
	buf_append(&path, "", 1);
	compare_nm(path.data);
}

static void test_nm_nginx(void **state)
{
	(void)state;
	if (access("/usr/sbin/nginx", R_OK) != 0)
		skip();
	compare_nm("/usr/sbin/nginx");
}

/* What eu-addr2line says of one address. */
struct place {
	char *name;
	char *line; /* FILE:LINE */
};

/* "name inlined at FILE:LINE in caller" is "name"; FILE:LINE:COLUMN is FILE:LINE. */
static bool next_place(char **at, struct place *p)
{
	char *colon;

	if (!next_line(at, &p->name) || !next_line(at, &p->line))
		return false;
	p->name[strcspn(p->name, " ")] = '\0';
	colon = strrchr(p->line, ':');
	if (colon) {
		char *first = memrchr(p->line, ':', (size_t)(colon - p->line));

		if (first)
			*colon = '\0';
	}
	return true;
}

static void compare_place(uint64_t vaddr, const struct place *p, const struct name_line *l)
{
	char line[5000];

	snprintf(line, sizeof(line), "%s:%u", l->file, l->line);
	if (strcmp(p->name, l->name) != 0 || (l->line && strcmp(p->line, line) != 0))
		fail_msg("%" PRIx64 ": '%s' %s, but eu-addr2line says '%s' %s", vaddr, l->name,
			 line, p->name, p->line);
}

/* This program against elfutils' own reading of its DWARF. */
static void test_addr2line_self(void **state)
{
	uint64_t vaddrs[ORACLE], offsets[ORACLE];
	_cleanup_buf_ struct buf in = {0}, out = {0};
	struct sample s;
	struct place p;
	size_t compared = 0;
	char *at;

	(void)state;
	if (!shop_has("eu-addr2line"))
		skip();
	shop_run(NULL, "cp /proc/%d/exe self", getpid());
	random_text("self", &s, vaddrs, offsets);
	for (size_t i = 0; i < ORACLE; i++)
		buf_printf(&in, "0x%" PRIx64 "\n", vaddrs[i]);
	shop_write("addrs", in.data, in.len);
	shop_run(&out, "eu-addr2line -f -e self <addrs");
	buf_append(&out, "", 1);
	at = out.data;
	for (uint32_t i = 0; i < ORACLE; i++) {
		struct name_line l = names_get(&s.names, i, 0);

		assert_true(next_place(&at, &p));
		/* Between functions elfutils still knows a line, or the function before. */
		if (!*l.name || !strncmp(l.name, "prog+", 5) || !strcmp(p.name, "??"))
			continue;
		compare_place(vaddrs[i], &p, &l);
		compared++;
	}
	assert_true(compared > ORACLE * 3 / 4);
	sample_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_symtab, shop_setup, shop_teardown),
		cmocka_unit_test_setup_teardown(test_typeless, shop_setup, shop_teardown),
		cmocka_unit_test_setup_teardown(test_dynsym, shop_setup, shop_teardown),
		cmocka_unit_test_setup_teardown(test_unsized_ends, shop_setup, shop_teardown),
		cmocka_unit_test_setup_teardown(test_no_symbols, shop_setup, shop_teardown),
		cmocka_unit_test_setup_teardown(test_no_sections, shop_setup, shop_teardown),
		cmocka_unit_test_setup_teardown(test_minidebug, shop_setup, shop_teardown),
		cmocka_unit_test_setup_teardown(test_dwarf_gcc, shop_setup, shop_teardown),
		cmocka_unit_test_setup_teardown(test_dwarf_clang, shop_setup, shop_teardown),
		cmocka_unit_test_setup_teardown(test_dwarf_assembly, shop_setup, shop_teardown),
		cmocka_unit_test_setup_teardown(test_dwarf_split, shop_setup, shop_teardown),
		cmocka_unit_test_setup_teardown(test_dwarf_altlink, shop_setup, shop_teardown),
		cmocka_unit_test_setup_teardown(test_order, shop_setup, shop_teardown),
		cmocka_unit_test_setup_teardown(test_nm_libc, shop_setup, shop_teardown),
		cmocka_unit_test_setup_teardown(test_nm_nginx, shop_setup, shop_teardown),
		cmocka_unit_test_setup_teardown(test_addr2line_self, shop_setup, shop_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
