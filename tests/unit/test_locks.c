// SPDX-License-Identifier: GPL-2.0-or-later
/* What is read out of memory and of /proc about locks, and what is not believed. */
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cmocka.h>

#include "../../agent/base/cleanup.h"
#include "../../agent/locks/filelocks.h"
#include "../../agent/locks/lock.h"
#include "../../agent/locks/park.h"
#include "../../agent/locks/sockets.h"
#include "../../agent/base/escape.h"
#include "../../agent/threads/dump.h"

/* Memory of 1 KiB, and a process with threads 100 to 109. */
enum { BASE = 0x10000, SIZE = 1024 };

static uint8_t memory[SIZE];

static int read_memory(const struct space *s, uint64_t addr, void *out, size_t n)
{
	(void)s;
	if (addr < BASE || addr - BASE > SIZE || n > SIZE - (addr - BASE))
		return -EFAULT;
	memcpy(out, memory + (addr - BASE), n);
	return 0;
}

static bool is_thread(const struct space *s, pid_t tid)
{
	(void)s;
	return tid >= 100 && tid < 110;
}

static const struct space space = {.read = read_memory, .thread = is_thread};

static void put(size_t at, uint32_t word)
{
	memcpy(memory + at, &word, sizeof(word));
}

static void put_words(size_t at, const uint32_t *words, size_t n)
{
	memset(memory, 0, sizeof(memory));
	memcpy(memory + at, words, n * sizeof(*words));
}

static struct lock read_at(uint64_t offset, uint32_t val, bool shared)
{
	struct futex_wait w = {.addr = BASE + offset, .val = val, .shared = shared};
	struct lock l;

	lock_read(&space, &w, 0, &l);
	return l;
}

static void test_glibc_mutex(void **state)
{
	const uint32_t normal[] = {2, 0, 101, 1, 0}, recursive[] = {2, 3, 101, 1, 1};
	const uint32_t robust[] = {101 | FUTEX_WAITERS, 1, 101, 1, 16};
	struct lock l;

	(void)state;
	put_words(64, normal, ARRAY_SIZE(normal));
	l = read_at(64, 2, false);
	assert_int_equal(l.type, LOCK_MUTEX);
	assert_int_equal(l.holder, HOLDER_THREAD);
	assert_int_equal(l.owner, 101);
	assert_string_equal(l.kind, "normal");
	/* Its flag and the one of the wait disagree. */
	assert_int_equal(read_at(64, 2, true).holder, HOLDER_UNKNOWN);
	put(64 + 16, 128);
	assert_int_equal(read_at(64, 2, true).owner, 101);
	put_words(64, recursive, ARRAY_SIZE(recursive));
	assert_string_equal(read_at(64, 2, false).kind, "recursive");
	put_words(64, robust, ARRAY_SIZE(robust));
	assert_string_equal(read_at(64, 101 | FUTEX_WAITERS, true).kind, "robust normal");
	/* Word and owner of different threads. */
	put(64, 102 | FUTEX_WAITERS);
	assert_int_not_equal(read_at(64, 101 | FUTEX_WAITERS, true).holder, HOLDER_THREAD);
}

/* Each of these is something else than a mutex with an owner. */
static void test_no_mutex(void **state)
{
	static const uint32_t not [][5] = {
		{2, 0, 0, 1, 0},	  {2, 0, 101, 0, 0},
		{2, 1, 101, 1, 0},	  {2, 0, 101, 1, 1},
		{2, 0, 101, 1, 4},	  {2, 0, 101, 1, 1 << 20},
		{0, 0, 101, 1, 0},	  {3, 0, 101, 1, 0},
		{2, 0, 0x7fffffff, 1, 0}, {2, 0, (uint32_t)-1, 1, 0},
		{2, 0, 101, 1u << 31, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(not ); i++) {
		put_words(64, not [i], 5);
		assert_int_not_equal(read_at(64, 2, false).holder, HOLDER_THREAD);
	}
	/* What would be a list of robust mutexes is not empty. */
	put_words(64, (const uint32_t[]){2, 0, 101, 1, 0, 0, 1}, 7);
	assert_int_not_equal(read_at(64, 2, false).holder, HOLDER_THREAD);
	/* Half of it is not there, and nothing is. */
	assert_int_equal(read_at(SIZE - 8, 2, false).holder, HOLDER_UNKNOWN);
	assert_int_equal(read_at(SIZE + 64, 2, false).type, LOCK_FUTEX);
	assert_int_equal(read_at(UINT64_MAX - BASE, 2, false).type, LOCK_FUTEX);
}

static void test_glibc_rwlock(void **state)
{
	/* One reader, a writer that has put its name down; then a writer that has it. */
	const uint32_t read[] = {1 << 3 | 2, 0, 2, 1, 0, 0, 0, 0};
	const uint32_t written[] = {3, 0, 3, 1, 0, 0, 103, 0};
	const uint32_t old[] = {0, 0, 5, 7, 1, 0, 104, 0};
	struct lock l;

	(void)state;
	put_words(64, read, ARRAY_SIZE(read));
	l = read_at(64 + 8, 2, false);
	assert_int_equal(l.type, LOCK_WRITE);
	assert_int_equal(l.holder, HOLDER_READERS);
	assert_int_equal(l.readers, 1);
	assert_true(l.addr == BASE + 64);
	put_words(64, written, ARRAY_SIZE(written));
	l = read_at(64 + 8, 3, false);
	assert_int_equal(l.type, LOCK_READ);
	assert_int_equal(l.owner, 103);
	put_words(64, old, ARRAY_SIZE(old));
	l = read_at(64 + 8, 5, false);
	assert_int_equal(l.type, LOCK_READ);
	assert_int_equal(l.owner, 104);
}

static void test_glibc_others(void **state)
{
	const uint32_t sem[] = {0, 2, 0};
	uint64_t self = BASE + 128 - 720 + 720;

	(void)state;
	put_words(64, sem, ARRAY_SIZE(sem));
	assert_int_equal(read_at(64, 0, false).type, LOCK_SEM);
	assert_int_equal(read_at(64, 0, true).type, LOCK_FUTEX);
	/* The end of a thread: its number, in a structure that points to itself. */
	memset(memory, 0, sizeof(memory));
	memcpy(memory + 128 + 16, &self, sizeof(self));
	put(128 + 720, 105);
	assert_int_equal(read_at(128 + 720, 105, true).owner, 105);
	assert_int_equal(read_at(128 + 720, 105, false).type, LOCK_FUTEX);
	put(128 + 720, 500);
	assert_int_equal(read_at(128 + 720, 500, true).type, LOCK_FUTEX);
}

static void test_musl(void **state)
{
	const uint32_t waiters = 0x80000000;
	const uint32_t recursive[] = {1, 106 | waiters, 1, 0},
		       normal[] = {0, EBUSY | waiters, 1, 0};
	const uint32_t written[] = {0xffffffff, 1, 0}, sem[] = {0xffffffff, 1, 128};
	struct lock l;

	(void)state;
	put_words(64, recursive, ARRAY_SIZE(recursive));
	l = read_at(64 + 4, 106 | waiters, false);
	assert_int_equal(l.owner, 106);
	assert_string_equal(l.kind, "recursive");
	put_words(64, normal, ARRAY_SIZE(normal));
	l = read_at(64 + 4, EBUSY | waiters, false);
	assert_int_equal(l.type, LOCK_MUTEX);
	assert_int_equal(l.holder, HOLDER_SOMEONE);
	/* Nobody waits for it. */
	put(64 + 8, 0);
	assert_int_equal(read_at(64 + 4, EBUSY | waiters, false).type, LOCK_FUTEX);
	put_words(64, written, ARRAY_SIZE(written));
	assert_int_equal(read_at(64, 0xffffffff, false).type, LOCK_RWLOCK);
	put_words(64, sem, ARRAY_SIZE(sem));
	assert_int_equal(read_at(64, 0xffffffff, false).type, LOCK_SEM);
}

/* The owners of the test below: 101 waits for somebody else, 102 for the one that is parked. */
static int leads_back(void *ctx, pid_t owner)
{
	return owner == *(const pid_t *)ctx ? 1 : owner == 102 ? 2 : 0;
}

static void test_park(void **state)
{
	const uint64_t kind = BASE + 128 + 16, other = BASE + 192;
	struct dump_thread t = {.tid = 100, .sp = BASE + 256};
	struct lock l = {0};
	pid_t self = 100;

	(void)state;
	memset(memory, 0, sizeof(memory));
	memcpy(memory + 128, (const uint32_t[]){102, 1, 102, 1, 32}, 20);
	memcpy(memory + 192, (const uint32_t[]){100, 1, 100, 1, 32}, 20);
	assert_false(park_find(&space, &t, leads_back, &self, &l));
	/* What it holds itself lies nearer, but was not what it asked for. */
	memcpy(memory + 256 + 64, &other, sizeof(other));
	assert_true(park_find(&space, &t, leads_back, &self, &l));
	assert_int_equal(l.owner, 100);
	memcpy(memory + 256 + 128, &kind, sizeof(kind));
	assert_true(park_find(&space, &t, leads_back, &self, &l));
	assert_int_equal(l.owner, 102);
	assert_true(l.addr == BASE + 128);
	/* Without PI it is no such mutex. */
	put(128 + 16, 0);
	assert_true(park_find(&space, &t, leads_back, &self, &l));
	assert_int_equal(l.owner, 100);
}

static void test_calls(void **state)
{
	const uint64_t args[6] = {0x1000, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, 2, 0, 0, 0};
	const uint64_t pi[6] = {0x1000, FUTEX_LOCK_PI, 7, 0x2000, 0, 0};
	const uint64_t wake[6] = {0x1000, FUTEX_WAKE, 1, 0, 0, 0};
	struct futex_wait w;

	(void)state;
	assert_true(futex_wait_read(&space, SYS_futex, args, &w));
	assert_true(w.addr == 0x1000 && w.val == 2 && !w.shared && !w.timed && w.bitset);
	assert_true(futex_wait_read(&space, SYS_futex, pi, &w));
	assert_true(w.pi && w.timed && w.shared);
	assert_false(futex_wait_read(&space, SYS_futex, wake, &w));
	assert_false(futex_wait_read(&space, SYS_read, args, &w));
}

static void test_file_locks(void **state)
{
	static const char text[] = "1: FLOCK  ADVISORY  WRITE 300 08:01:131 0 EOF\n"
				   "1: -> FLOCK  ADVISORY  WRITE 301 08:01:131 0 EOF\n"
				   "1:  -> FLOCK  ADVISORY  WRITE 302 08:01:131 0 EOF\n"
				   "2: POSIX  ADVISORY  READ  303 00:2c:55 10 19\n"
				   "3: OFDLCK ADVISORY  READ  -1 00:2c:56 0 EOF\n"
				   "4: LEASE  ACTIVE    READ  304 00:2c:57 0 EOF\n"
				   "5: POSIX  ADVISORY  WRITE 999999999 00:2c:57 0 EOF\n"
				   "6: POSIX  ADVISORY  WRITE x 00:2c:57 0 EOF\n"
				   "7: POSIX  ADVISORY\n: -> \n\n8: -> -> -> -> ->\n"
				   "2: -> POSIX  ADVISORY  WRITE 301 00:2c:55 0 EOF\n";
	_cleanup_buf_ struct buf locks = {0};
	const struct file_lock *l;

	(void)state;
	file_locks_parse(text, &locks);
	assert_int_equal(locks.len / sizeof(*l), 6);
	l = file_locks_blocker(&locks, LOCK_FLOCK, 301, 131);
	assert_non_null(l);
	assert_int_equal(l->pid, 300);
	assert_true(l->major == 8 && l->minor == 1);
	assert_int_equal(file_locks_blocker(&locks, LOCK_FLOCK, 302, 0)->pid, 300);
	assert_int_equal(file_locks_blocker(&locks, LOCK_POSIX, 301, 0)->pid, 303);
	assert_null(file_locks_blocker(&locks, LOCK_POSIX, 301, 131));
	assert_null(file_locks_blocker(&locks, LOCK_FLOCK, 300, 131));
}

static void test_sockets(void **state)
{
	static const char tcp[] =
		"   1: 0100007F:1F90 0200000A:01BB 01 00000000:00000000 00:00000000 00000000  "
		"   0        0 4242 1 0000000000000000 20 4 30 10 -1";
	static const char listening[] =
		"   1: 00000000000000000000000001000000:0050 "
		"00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000  "
		"   0        0 4243 1";
	static const char unix_line[] =
		"0000000000000000: 00000002 00000000 00010000 0001 01 4244 /run/a\"b";
	char out[128];

	(void)state;
	assert_true(sockets_line("tcp", tcp, 4242, out, sizeof(out)));
	assert_string_equal(out, "tcp 127.0.0.1:8080 -> 10.0.0.2:443 (established)");
	assert_false(sockets_line("tcp", tcp, 4243, out, sizeof(out)));
	assert_true(sockets_line("tcp6", listening, 4243, out, sizeof(out)));
	assert_string_equal(out, "tcp [::1]:80 (listening)");
	assert_true(sockets_line("unix", unix_line, 4244, out, sizeof(out)));
	assert_string_equal(out, "unix socket /run/a\\x22b");
	assert_false(sockets_line("tcp", "", 0, out, sizeof(out)));
	assert_false(sockets_line("tcp", "1: 0:0 0:0 01 x x x x x 0", 0, out, sizeof(out)));
}

static void test_text(void **state)
{
	_cleanup_buf_ struct buf json = {0};
	char out[16];

	(void)state;
	assert_string_equal(escape_line("a b\n\"\xff", out, sizeof(out)), "a b\\x0a\\x22\\xff");
	assert_string_equal(escape_line("0123456789abcdefgh", out, sizeof(out)), "0123456789abcde");
	escape_json("a\"\\\n\xc3", 5, &json);
	buf_append(&json, "", 1);
	assert_string_equal(json.data, "a\\\"\\\\\\u000a?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_glibc_mutex),  cmocka_unit_test(test_no_mutex),
		cmocka_unit_test(test_glibc_rwlock), cmocka_unit_test(test_glibc_others),
		cmocka_unit_test(test_musl),	     cmocka_unit_test(test_park),
		cmocka_unit_test(test_calls),	     cmocka_unit_test(test_file_locks),
		cmocka_unit_test(test_sockets),	     cmocka_unit_test(test_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
