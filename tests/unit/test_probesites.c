// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * agent/image/probesites.c, insn.c and allocfuncs.c: where functions are probed. The functions
 * below are of known shape, and read from this program's own file.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../agent/base/cleanup.h"
#include "../../agent/image/allocfuncs.h"
#include "../../agent/image/elf.h"
#include "../../agent/image/fdes.h"
#include "../../agent/image/insn.h"
#include "../../agent/image/plt.h"

extern const char __ehdr_start[];

/* Labels at what is expected: NAME_entry, NAME_exit. */
__asm__(".text\n"
	/* The result of a call, tested: the branch knows it. */
	"tested: .cfi_startproc\n"
	"	endbr64\n"
	"tested_entry: push %rbx\n"
	"	.cfi_adjust_cfa_offset 8\n"
	"	mov %rdi, %rbx\n"
	"	call leaf\n"
	"	test %rax, %rax\n"
	"tested_exit: je 1f\n"
	"	mov %rbx, 8(%rax)\n"
	"1:	pop %rbx\n"
	"	ret\n"
	"	.cfi_endproc\n"
	"tested_end:\n"
	/* The result in another register, plus 16, until the end. */
	"copied: .cfi_startproc\n"
	"copied_entry: push %r12\n"
	"	call leaf\n"
	"	mov %rax, %r12\n"
	"	mov %r12, %rdi\n"
	"copied_exit: call leaf\n"
	"	lea 16(%r12), %rax\n"
	"	pop %r12\n"
	"	ret\n"
	"	.cfi_endproc\n"
	"copied_end:\n"
	/* Nothing that the kernel emulates: single-stepped, at the start and behind what makes it.
	 */
	"plain: .cfi_startproc\n"
	"plain_entry: mov %rdi, %rcx\n"
	"	lea 1(%rcx, %rdi, 2), %rax\n"
	"plain_exit: ret\n"
	"	.cfi_endproc\n"
	"plain_end:\n"
	/* The argument has changed before anything is emulated. */
	"changed: .cfi_startproc\n"
	"changed_entry: add $8, %rdi\n"
	"	nop\n"
	"	mov (%rdi), %rax\n"
	"changed_exit: ret\n"
	"	.cfi_endproc\n"
	"changed_end:\n"
	/* Two ways with two values from one branch. */
	"parted: .cfi_startproc\n"
	"parted_entry: push %rbx\n"
	"	mov %rdi, %rbx\n"
	"	mov (%rdi), %rax\n"
	"	test %rbx, %rbx\n"
	"parted_exit: je 1f\n"
	"	pop %rbx\n"
	"	ret\n"
	"1:	mov %rbx, %rax\n"
	"	pop %rbx\n"
	"	ret\n"
	"	.cfi_endproc\n"
	"parted_end:\n"
	/* What it stores is wanted. */
	"stored: .cfi_startproc\n"
	"stored_entry: push %rbx\n"
	"	mov %rdi, %rbx\n"
	"	call leaf\n"
	"	mov %rax, (%rbx)\n"
	"stored_exit: xor %eax, %eax\n"
	"	pop %rbx\n"
	"	ret\n"
	"	.cfi_endproc\n"
	"stored_end:\n"
	/* It goes on elsewhere, nobody knows where. */
	"elsewhere: .cfi_startproc\n"
	"	mov 8(%rdi), %rax\n"
	"	jmp *%rax\n"
	"	.cfi_endproc\n"
	"elsewhere_end:\n"
	"forwards: .cfi_startproc\n"
	"	endbr64\n"
	"	jmp leaf\n"
	"	.cfi_endproc\n"
	"forwards_end:\n"
	"leaf: .cfi_startproc\n"
	"	lea 32(%rdi), %rax\n"
	"	ret\n"
	"	.cfi_endproc\n"
	"leaf_end:\n");

#define LABELS(name) extern const char name[], name##_end[], name##_entry[], name##_exit[]
LABELS(tested);
LABELS(copied);
LABELS(plain);
LABELS(changed);
LABELS(parted);
LABELS(stored);
LABELS(elsewhere);
LABELS(forwards);
LABELS(leaf);

static int fd;
static struct elf_image *img;
static struct buf fdes, slots;
static struct probe_sites sites;

static int setup(void **state)
{
	(void)state;
	fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	assert_int_equal(elf_image_open(fd, &img), 0);
	assert_int_equal(fdes_read(img, &fdes), 0);
	assert_int_equal(plt_read(img, &slots), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	buf_deinit(&fdes);
	buf_deinit(&slots);
	elf_image_close(img);
	cleanup_close_(&fd);
	return 0;
}

static uint64_t offset_of(const char *at)
{
	uint64_t offset;

	assert_true(elf_vaddr_to_offset(img, (uint64_t)(at - __ehdr_start), &offset));
	return offset;
}

static void find(const char *start, const char *end, bool store)
{
	const struct probe_function f = {
		.img = img,
		.fdes = &fdes,
		.slots = &slots,
		.start = offset_of(start),
		.end = offset_of(start) + (uint64_t)(end - start),
		.args = 1u << REG_DI,
		.stored = store,
		.exits = true,
	};

	assert_int_equal(probe_sites_find(&f, &sites), 0);
}

static void expect_entry(const char *at, bool stepped)
{
	assert_int_equal(sites.entry.offset, offset_of(at));
	assert_int_equal(sites.entry.stepped, stepped);
}

static void expect_exit(const char *at, unsigned int reg, int64_t add, int32_t depth, bool stepped)
{
	uint32_t i = 0;

	while (i < sites.nexits && sites.exits[i].offset != offset_of(at))
		i++;
	assert_true(i < sites.nexits);
	assert_int_equal(sites.exits[i].reg, reg);
	assert_int_equal(sites.exits[i].add, add);
	assert_int_equal(sites.exits[i].depth, depth);
	assert_int_equal(sites.exits[i].stepped, stepped);
}

static void test_emulated(void **state)
{
	(void)state;
	find(tested, tested_end, false);
	expect_entry(tested_entry, false);
	assert_int_equal(sites.nexits, 1);
	expect_exit(tested_exit, REG_AX, 0, 8, false);
	assert_true(sites.complete);
	find(copied, copied_end, false);
	expect_entry(copied_entry, false);
	assert_int_equal(sites.nexits, 1);
	expect_exit(copied_exit, 12, 16, 8, false);
}

static void test_stepped(void **state)
{
	(void)state;
	find(plain, plain_end, false);
	expect_entry(plain_entry, true);
	assert_int_equal(sites.nexits, 1);
	expect_exit(plain_exit, REG_AX, 0, 0, true);
	find(changed, changed_end, false);
	expect_entry(changed_entry, true);
	expect_exit(changed_exit, REG_AX, 0, 0, true);
}

/* One of the two is taken at the branch, the other one behind it: the last one that is seen counts.
 */
static void test_parted(void **state)
{
	(void)state;
	find(parted, parted_end, false);
	expect_entry(parted_entry, false);
	assert_int_equal(sites.nexits, 2);
	assert_true(sites.exits[0].offset == offset_of(parted_exit));
	assert_true(sites.exits[1].offset > sites.exits[0].offset);
	assert_int_not_equal(sites.exits[0].reg, sites.exits[1].reg);
}

static void test_stored(void **state)
{
	(void)state;
	find(stored, stored_end, true);
	assert_int_equal(sites.nexits, 1);
	assert_int_equal(sites.exits[0].offset, offset_of(stored_exit));
}

static void test_leaves(void **state)
{
	(void)state;
	find(elsewhere, elsewhere_end, false);
	assert_false(sites.complete);
	assert_int_equal(sites.nexits, 0);
	assert_int_equal(sites.nreturns, 0);
	find(forwards, forwards_end, false);
	assert_true(sites.complete);
	assert_int_equal(sites.tail, offset_of(leaf));
	assert_int_equal(sites.nleaves, 1);
	assert_int_equal(sites.leaves[0], offset_of(leaf));
}

static void test_nonsense(void **state)
{
	struct probe_function f = {.img = img, .fdes = &fdes, .slots = &slots, .exits = true};
	struct insn in;

	(void)state;
	f.start = img->size;
	assert_int_equal(probe_sites_find(&f, &sites), -EILSEQ);
	f.start = UINT64_MAX - 4;
	assert_int_equal(probe_sites_find(&f, &sites), -EILSEQ);
	assert_int_equal(insn_decode((const uint8_t *)"\x0f", 1, &in), -EILSEQ);
	/* Prefixes without end. */
	assert_int_equal(insn_decode((const uint8_t *)"\x66\x66\x66\x66\x66\x66\x66\x66", 8, &in),
			 -EILSEQ);
}

/* The functions of a library that may be installed here; skips when it is not. */
static int funcs_of(const char *library, struct buf *out)
{
	_cleanup_close_ int lib = open(library, O_RDONLY | O_CLOEXEC);
	struct elf_image *image;

	if (lib < 0)
		skip();
	assert_int_equal(elf_image_open(lib, &image), 0);
	assert_int_equal(alloc_funcs_find(image, out), 0);
	elf_image_close(image);
	return alloc_funcs_check(out->data, out->len);
}

/* Every allocator that is installed here can be probed without one single step on its way in. */
static void test_libc(void **state)
{
	_cleanup_buf_ struct buf out = {0};
	unsigned int kinds = 0;
	const struct alloc_func *f;
	int n = funcs_of("/lib/x86_64-linux-gnu/libc.so.6", &out);

	(void)state;
	f = (const struct alloc_func *)(const void *)out.data;
	for (int i = 0; i < n; i++) {
		kinds |= 1u << f[i].kind;
		if (f[i].kind != ALLOC_FREE)
			assert_true(f[i].sites.nexits > 0);
		if (strcmp(f[i].name, "malloc") == 0 || strcmp(f[i].name, "free") == 0)
			assert_false(f[i].sites.entry.stepped);
	}
	assert_true(kinds & 1u << ALLOC_SIZE && kinds & 1u << ALLOC_ARRAY &&
		    kinds & 1u << ALLOC_RESIZE && kinds & 1u << ALLOC_FREE &&
		    kinds & 1u << ALLOC_ALIGNED && kinds & 1u << ALLOC_STORED);
	/* A block that was tampered with is refused. */
	((struct alloc_func *)(void *)out.data)->sites.nexits = PROBE_EXITS_MAX + 1;
	assert_int_equal(alloc_funcs_check(out.data, out.len), -EBADMSG);
	assert_int_equal(alloc_funcs_check(out.data, out.len - 1), -EBADMSG);
}

/* A program that is built for jemalloc calls nothing but these. */
static void test_jemalloc(void **state)
{
	static const struct {
		const char *name;
		enum alloc_kind kind;
	} own[] = {
		{"mallocx", ALLOC_SIZE},
		{"rallocx", ALLOC_RESIZE},
		{"dallocx", ALLOC_FREE},
		{"sdallocx", ALLOC_FREE},
	};
	_cleanup_buf_ struct buf out = {0};
	int n = funcs_of("/usr/lib/x86_64-linux-gnu/libjemalloc.so.2", &out);
	const struct alloc_func *f = (const struct alloc_func *)(const void *)out.data;

	(void)state;
	for (size_t k = 0; k < ARRAY_SIZE(own); k++) {
		int i = 0;

		while (i < n && strcmp(f[i].name, own[k].name) != 0)
			i++;
		if (i == n)
			fail_msg("%s is not found", own[k].name);
		assert_int_equal(f[i].kind, own[k].kind);
		assert_false(f[i].sites.entry.stepped);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_emulated), cmocka_unit_test(test_stepped),
		cmocka_unit_test(test_parted),	 cmocka_unit_test(test_stored),
		cmocka_unit_test(test_leaves),	 cmocka_unit_test(test_nonsense),
		cmocka_unit_test(test_libc),	 cmocka_unit_test(test_jemalloc),
	};

	return cmocka_run_group_tests_name("probesites", tests, setup, teardown);
}
