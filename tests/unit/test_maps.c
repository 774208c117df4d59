// SPDX-License-Identifier: GPL-2.0-or-later
/* Lines of /proc/PID/maps, and lists of mappings that are changed while others hold them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include <sys/sysmacros.h>
#include <cmocka.h>

#include "../../agent/base/loop.h"
#include "../../agent/image/maps.h"
#include "../../agent/image/store.h"

static int parse(const char *line, struct map_entry *e)
{
	static char copy[512];

	strcpy(copy, line);
	return maps_line_parse(copy, e);
}

static void test_lines(void **state)
{
	struct map_entry e;

	(void)state;
	assert_int_equal(
		parse("55d0c8b2a000-55d0c8b2f000 r-xp 00002000 fe:01 1234   /usr/bin/a b", &e), 1);
	assert_int_equal(e.start, 0x55d0c8b2a000);
	assert_int_equal(e.end, 0x55d0c8b2f000);
	assert_int_equal(e.offset, 0x2000);
	assert_true(e.dev == makedev(0xfe, 1) && e.ino == 1234);
	assert_string_equal(e.path, "/usr/bin/a b");
	assert_int_equal(parse("1000-2000 rw-p 00000000 00:00 0 ", &e), 0);
	assert_string_equal(e.path, "");
	assert_int_equal(parse("1000-2000 r-xp 00000000 00:00 0", &e), 1);
	assert_int_equal(parse("7ffc1000-7ffc3000 r-xp 00000000 00:00 0          [vdso]", &e), 1);
	assert_string_equal(e.path, "[vdso]");
	assert_int_equal(
		parse("ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0 [vsyscall]", &e), 1);
}

static void test_bad_lines(void **state)
{
	static const char *const lines[] = {
		"",
		"1000",
		"1000-",
		"1000-2000",
		"1000-2000 r-xp",
		"1000-2000 r-xp 0",
		"-1000-2000 r-xp 0 0:0 0",
		"2000-1000 r-xp 00000000 00:00 0",
		"1000-1000 r-xp 00000000 00:00 0",
		"10000000000000000-20000000000000000 r-xp 00000000 00:00 0",
		"1000-2000 r-xp 00000000 00:00 x",
		"1000-2000 r-xp 00000000 0000 0",
		"1000-2000 r-x",
		"zz-yy r-xp 0 0:0 0",
	};
	struct map_entry e;

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
		assert_int_equal(parse(lines[i], &e), -EINVAL);
}

static void insert(struct maps **m, uint64_t start, uint64_t end, uint64_t offset)
{
	struct map_entry e = {.start = start, .end = end, .offset = offset, .path = ""};

	assert_int_equal(maps_insert(m, &e, NULL), 0);
}

static void expect(const struct maps *m, uint32_t i, uint64_t start, uint64_t end, uint64_t offset)
{
	assert_true(i < m->n);
	assert_int_equal(m->walk[i].start, start);
	assert_int_equal(m->walk[i].end, end);
	assert_int_equal(m->walk[i].offset, offset);
}

static void test_insert_cuts(void **state)
{
	struct maps *m = maps_create();

	(void)state;
	insert(&m, 0x1000, 0x9000, 0x100);
	insert(&m, 0xa000, 0xb000, 0x500);
	insert(&m, 0x3000, 0x4000,
	       0x7000); /* into the middle: anonymous neighbours are joined again */
	assert_int_equal(m->n, 2);
	expect(m, 0, 0x1000, 0x9000, 0x100);
	insert(&m, 0x8000, 0xa800, 0); /* over the end of one and the start of another */
	assert_int_equal(m->n, 1);
	expect(m, 0, 0x1000, 0xb000, 0x100);
	assert_int_equal(maps_find(m, 0x0fff), -ENOENT);
	assert_int_equal(maps_find(m, 0x1000), 0);
	assert_int_equal(maps_find(m, 0xafff), 0);
	assert_int_equal(maps_find(m, 0xb000), -ENOENT);
	maps_put(m);
}

static void never(void *ctx, struct image *image)
{
	(void)ctx;
	(void)image;
}

/* Images keep mappings apart, and what one holder sees does not change under it. */
static void test_images_and_copies(void **state)
{
	struct map_entry a = {
		.start = 0x1000, .end = 0x5000, .offset = 0x1000, .dev = 1, .ino = 1, .path = "/a"};
	struct map_entry b = {
		.start = 0x2000, .end = 0x3000, .offset = 0, .dev = 1, .ino = 2, .path = "/b"};
	struct map_entry next = {
		.start = 0x5000, .end = 0x6000, .offset = 0x5000, .dev = 1, .ino = 1, .path = "/a"};
	struct maps *m = maps_create(), *held;
	struct image_store *store;
	struct image *ia, *ib;
	struct loop *loop;

	(void)state;
	assert_int_equal(loop_create(&loop), 0);
	assert_int_equal(image_store_create(loop, never, NULL, &store), 0);
	ia = image_get(store, getpid(), &a);
	ib = image_get(store, getpid(), &b);
	assert_non_null(ia);
	assert_ptr_equal(image_get(store, getpid(), &next), ia);
	image_put(ia);
	assert_int_equal(ia->state, IMAGE_NO_ROWS); /* there is no such file */
	assert_int_equal(maps_insert(&m, &a, ia), 0);
	assert_int_equal(maps_insert(&m, &next, ia), 0);
	assert_int_equal(m->n, 1); /* continues in the same file */
	expect(m, 0, 0x1000, 0x6000, 0x1000);
	held = maps_get(m);
	assert_int_equal(maps_insert(&m, &b, ib), 0);
	assert_ptr_not_equal(held, m);
	assert_int_equal(held->n, 1);
	assert_int_equal(m->n, 3);
	expect(m, 0, 0x1000, 0x2000, 0x1000);
	expect(m, 1, 0x2000, 0x3000, 0);
	expect(m, 2, 0x3000, 0x6000, 0x3000);
	assert_ptr_equal(m->images[2], ia);
	maps_put(held);
	maps_put(m);
	assert_int_equal(ia->refs, 1);
	image_put(ia);
	image_put(ib);
	image_store_destroy(store);
	loop_destroy(loop);
}

static void test_read_self(void **state)
{
	struct image_store *store;
	struct loop *loop;
	struct maps *m;

	(void)state;
	assert_int_equal(loop_create(&loop), 0);
	assert_int_equal(image_store_create(loop, never, NULL, &store), 0);
	assert_int_equal(maps_read(store, getpid(), &m), 0);
	assert_true(maps_find(m, (uintptr_t)test_read_self) >= 0);
	assert_true(maps_find(m, (uintptr_t)getpid) >= 0);
	assert_int_equal(maps_find(m, (uintptr_t)&store), -ENOENT); /* a stack is not code */
	for (uint32_t i = 1; i < m->n; i++)
		assert_true(m->walk[i - 1].end <= m->walk[i].start);
	maps_put(m);
	assert_int_equal(maps_read(store, 1 << 22, &m), -ESRCH);
	image_store_destroy(store);
	loop_destroy(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),	    cmocka_unit_test(test_bad_lines),
		cmocka_unit_test(test_insert_cuts), cmocka_unit_test(test_images_and_copies),
		cmocka_unit_test(test_read_self),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
