// SPDX-License-Identifier: GPL-2.0-or-later
/* agent/base: buffers, intern tables, the event loop. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../agent/base/buf.h"
#include "../../agent/base/cleanup.h"
#include "../../agent/base/hash.h"
#include "../../agent/base/loop.h"

static void test_buf_append(void **state)
{
	_cleanup_buf_ struct buf b = {0};

	(void)state;
	buf_puts(&b, "abc");
	buf_append(&b, "\0d", 2);
	buf_append(&b, NULL, 0);
	buf_printf(&b, "%d-%s", 42, "xyz");
	assert_int_equal(buf_error(&b), 0);
	assert_int_equal(b.len, 11);
	assert_memory_equal(b.data, "abc\0d42-xyz", 11);
}

static void test_buf_grows(void **state)
{
	_cleanup_buf_ struct buf b = {0};

	(void)state;
	for (uint32_t i = 0; i < 100000; i++)
		buf_append(&b, &i, sizeof(i));
	assert_int_equal(b.len, 400000);
	for (uint32_t i = 0; i < 100000; i++)
		assert_memory_equal(b.data + i * sizeof(i), &i, sizeof(i));
	assert_true(b.cap >= b.len && b.cap <= 2 * b.len);
}

static void test_buf_error_sticks(void **state)
{
	_cleanup_buf_ struct buf b = {.max = 8};

	(void)state;
	buf_puts(&b, "12345678");
	assert_int_equal(buf_error(&b), 0);
	buf_puts(&b, "9");
	assert_int_equal(buf_error(&b), -EFBIG);
	assert_null(buf_reserve(&b, 0x10));
	assert_int_equal(b.len, 8);
	buf_deinit(&b);
	assert_int_equal(buf_error(&b), 0);
	assert_int_equal(b.max, 8);
	assert_null(buf_reserve(&b, SIZE_MAX));
	assert_int_equal(buf_error(&b), -EFBIG);
}

static int memfd_with(const char *text, size_t len)
{
	int fd = memfd_create("test", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, len), (ssize_t)len);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static void test_buf_read(void **state)
{
	static char text[70000];
	_cleanup_close_ int fd = -1;
	_cleanup_buf_ struct buf all = {0}, exact = {.max = sizeof(text)},
				 small = {.max = sizeof(text) - 1};

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)(i * 7);
	fd = memfd_with(text, sizeof(text));
	assert_int_equal(buf_read_fd(&all, fd), 0);
	assert_int_equal(all.len, sizeof(text));
	assert_memory_equal(all.data, text, sizeof(text));
	lseek(fd, 0, SEEK_SET);
	assert_int_equal(buf_read_fd(&exact, fd), 0);
	assert_int_equal(exact.len, sizeof(text));
	lseek(fd, 0, SEEK_SET);
	assert_int_equal(buf_read_fd(&small, fd), -EFBIG);
	assert_int_equal(buf_read_at(&all, AT_FDCWD, "/nonexistent"), -ENOENT);
	assert_true(buf_read_at(&all, AT_FDCWD, "/proc/self/maps") == 0);
}

static void test_intern(void **state)
{
	struct intern t = {0};
	size_t len;

	(void)state;
	assert_int_equal(intern_find(&t, "a", 1), -ENOENT);
	assert_int_equal(intern_add(&t, "", 0), 0);
	assert_int_equal(intern_add(&t, "a", 1), 1);
	assert_int_equal(intern_add(&t, "ab", 2), 2);
	assert_int_equal(intern_add(&t, "a", 1), 1);
	assert_int_equal(intern_add(&t, "a\0", 2), 3);
	assert_int_equal(intern_find(&t, "ab", 2), 2);
	assert_int_equal(intern_find(&t, "b", 1), -ENOENT);
	assert_memory_equal(intern_key(&t, 2, &len), "ab", 2);
	assert_int_equal(len, 2);
	intern_key(&t, 0, &len);
	assert_int_equal(len, 0);
	intern_deinit(&t);
	assert_int_equal(t.n, 0);
	assert_int_equal(intern_bytes(&t), 0);
}

static void test_intern_many(void **state)
{
	struct intern t = {0};

	(void)state;
	for (int round = 0; round < 2; round++)
		for (uint32_t i = 0; i < 50000; i++)
			assert_int_equal(intern_add(&t, &i, sizeof(i)), i);
	assert_int_equal(t.n, 50000);
	assert_true(intern_bytes(&t) >= 50000 * (sizeof(uint32_t) + sizeof(size_t)));
	intern_deinit(&t);
}

static void test_intern_full(void **state)
{
	struct intern t = {.keys.max = 4};

	(void)state;
	assert_int_equal(intern_add(&t, "abc", 3), 0);
	assert_int_equal(intern_add(&t, "def", 3), -EFBIG);
	assert_int_equal(t.n, 1);
	assert_int_equal(intern_add(&t, "abc", 3), 0);
	assert_int_equal(intern_add(&t, "d", 1), 1);
	intern_deinit(&t);
}

/* Timers write their letter here, in the order in which they ran. */
static struct loop *loop;
static char ran[32];

struct lettered {
	struct loop_timer timer;
	char letter;
	uint64_t again; /* set once more this many nanoseconds later */
	bool last;
};

static void note(char c)
{
	size_t n = strlen(ran);

	assert_true(n + 1 < sizeof(ran));
	ran[n] = c;
	ran[n + 1] = 0;
}

static void on_timer(struct loop_timer *t)
{
	struct lettered *l = (struct lettered *)(void *)t;

	note(l->letter);
	if (l->again)
		loop_timer_set(loop, t, l->again);
	l->again = 0;
	if (l->last)
		loop_stop(loop);
}

static int setup_loop(void **state)
{
	(void)state;
	ran[0] = 0;
	return loop_create(&loop);
}

static int teardown_loop(void **state)
{
	(void)state;
	loop_destroy(loop);
	return 0;
}

#define LETTERED(c, ...)                                           \
	{                                                          \
		.timer.cb = on_timer, .letter = (c), ##__VA_ARGS__ \
	}

static void test_loop_timer_order(void **state)
{
	struct lettered a = LETTERED('a'), b = LETTERED('b'), c = LETTERED('c', .again = 1),
			d = LETTERED('d'), z = LETTERED('z', .last = true);
	uint64_t start = loop_now();

	(void)state;
	loop_timer_set(loop, &z.timer, 60 * NSEC_PER_MSEC);
	loop_timer_set(loop, &b.timer, 20 * NSEC_PER_MSEC);
	loop_timer_set(loop, &a.timer, 5 * NSEC_PER_MSEC);
	loop_timer_set(loop, &c.timer, 40 * NSEC_PER_MSEC);
	loop_timer_set(loop, &d.timer, 10 * NSEC_PER_MSEC);
	loop_timer_set(loop, &d.timer, 30 * NSEC_PER_MSEC); /* moves */
	assert_int_equal(loop_run(loop), 0);
	assert_string_equal(ran, "abdccz");
	assert_true(loop_now() - start >= 60 * NSEC_PER_MSEC);
	assert_false(a.timer.set || z.timer.set);
}

static void test_loop_timer_clear(void **state)
{
	struct lettered a = LETTERED('a'), b = LETTERED('b'), z = LETTERED('z', .last = true);

	(void)state;
	loop_timer_clear(loop, &a.timer);
	loop_timer_set(loop, &a.timer, 0);
	loop_timer_set(loop, &b.timer, 0);
	loop_timer_set(loop, &z.timer, NSEC_PER_MSEC);
	loop_timer_clear(loop, &a.timer);
	loop_timer_clear(loop, &a.timer);
	assert_int_equal(loop_run(loop), 0);
	assert_string_equal(ran, "bz");
}

struct pipe_watch {
	struct loop_fd w;
	int other;
	struct pipe_watch *remove; /* taken out when this one is ready */
	char letter;
};

static void on_pipe(struct loop_fd *w, uint32_t events)
{
	struct pipe_watch *p = (struct pipe_watch *)(void *)w;
	char c;

	assert_true(events & (EPOLLIN | EPOLLHUP));
	note(p->letter);
	if (read(w->fd, &c, 1) != 1)
		loop_stop(loop); /* hung up */
	if (p->remove)
		loop_del(loop, &p->remove->w);
}

static void pipe_open(struct pipe_watch *p, int *fd, char letter)
{
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	*fd = fds[0];
	*p = (struct pipe_watch){.w = {.fd = -1, .cb = on_pipe}, .other = fds[1], .letter = letter};
	assert_int_equal(loop_add(loop, &p->w, fds[0], EPOLLIN), 0);
}

static void test_loop_fd(void **state)
{
	struct pipe_watch p;
	_cleanup_close_ int fd = -1;

	(void)state;
	pipe_open(&p, &fd, 'p');
	assert_int_equal(loop_add(loop, &(struct loop_fd){.fd = -1}, fd, EPOLLIN), -EEXIST);
	assert_int_equal(loop_add(loop, &(struct loop_fd){.fd = -1}, -1, EPOLLIN), -EBADF);
	assert_int_equal(write(p.other, "xy", 2), 2);
	close(p.other);
	assert_int_equal(loop_run(loop), 0);
	assert_string_equal(ran, "ppp"); /* two bytes, the end */
	loop_del(loop, &p.w);
	assert_int_equal(p.w.fd, -1);
	loop_del(loop, &p.w);
}

/* Both are ready in one round; whichever runs first removes the other, whose callback must not run.
 */
static void test_loop_del_ready(void **state)
{
	struct pipe_watch a, b;
	_cleanup_close_ int fda = -1, fdb = -1;
	struct lettered z = LETTERED('z', .last = true);

	(void)state;
	pipe_open(&a, &fda, 'p');
	pipe_open(&b, &fdb, 'p');
	a.remove = &b;
	b.remove = &a;
	assert_int_equal(write(a.other, "x", 1), 1);
	assert_int_equal(write(b.other, "x", 1), 1);
	loop_timer_set(loop, &z.timer, 20 * NSEC_PER_MSEC);
	assert_int_equal(loop_run(loop), 0);
	assert_string_equal(ran, "pz");
	close(a.other);
	close(b.other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_buf_append),
		cmocka_unit_test(test_buf_grows),
		cmocka_unit_test(test_buf_error_sticks),
		cmocka_unit_test(test_buf_read),
		cmocka_unit_test(test_intern),
		cmocka_unit_test(test_intern_many),
		cmocka_unit_test(test_intern_full),
		cmocka_unit_test_setup_teardown(test_loop_timer_order, setup_loop, teardown_loop),
		cmocka_unit_test_setup_teardown(test_loop_timer_clear, setup_loop, teardown_loop),
		cmocka_unit_test_setup_teardown(test_loop_fd, setup_loop, teardown_loop),
		cmocka_unit_test_setup_teardown(test_loop_del_ready, setup_loop, teardown_loop),
	};

	return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
