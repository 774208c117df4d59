// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A target whose threads' registers are known. Prints a line for each,
 *
 *   NAME tid=N
 *
 * then "ready"; on SIGUSR1 "interrupted=N": how many system calls ended with EINTR, and it ends.
 *
 *   asleep   in read(2); rbx is 0xb0b, rbp 0xbbb, r12 to r15 are 0xc0c to 0xf0f
 *   old      in pause(2) as int $0x80, the 32-bit way; the same registers
 *   spin     in a loop of user code; the same registers, and eight words of 0x57ac from sp up
 *   jitter   (four) wake each other all the time; r12 is ~rbx, another value in each round
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static atomic_long interrupted;
static int nothing[2], ring[4][2];

/* Callee-saved registers are set one by one: the compiler may not, rbp least of all. */
#define KNOWN_REGS               \
	"mov $0xb0b, %%ebx\n\t"  \
	"mov $0xc0c, %%r12d\n\t" \
	"mov $0xd0d, %%r13d\n\t" \
	"mov $0xe0e, %%r14d\n\t" \
	"mov $0xf0f, %%r15d\n\t" \
	"push %%rbp\n\t"         \
	"mov $0xbbb, %%ebp\n\t"
#define CLOBBERS "rbx", "rcx", "r11", "r12", "r13", "r14", "r15", "memory", "cc"

static void tell(const char *name)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

	prctl(PR_SET_NAME, name);
	pthread_mutex_lock(&lock);
	printf("%s tid=%ld\n", name, syscall(SYS_gettid));
	fflush(stdout);
	pthread_mutex_unlock(&lock);
}

static void *asleep(void *arg)
{
	char byte;
	long ret = SYS_read;

	tell("asleep");
	__asm__ volatile(KNOWN_REGS "syscall\n\t"
				    "pop %%rbp"
			 : "+a"(ret)
			 : "D"((long)nothing[0]), "S"(&byte), "d"(1L)
			 : CLOBBERS);
	if (ret == -EINTR)
		interrupted++;
	return arg;
}

static void *old(void *arg)
{
	long ret = 29; /* pause */

	tell("old");
	__asm__ volatile(KNOWN_REGS "int $0x80\n\t"
				    "pop %%rbp"
			 : "+a"(ret)
			 :
			 : "r8", "r9", "r10", CLOBBERS);
	if ((int)ret == -EINTR)
		interrupted++;
	return arg;
}

static void *spin(void *arg)
{
	tell("spin");
	__asm__ volatile(KNOWN_REGS "mov $8, %%ecx\n"
				    "1: push $0x57ac\n\t"
				    "loop 1b\n"
				    "2: pause\n\t"
				    "jmp 2b"
			 :
			 :
			 : CLOBBERS);
	return arg;
}

/* One byte goes round: read it from the left, write it to the right. */
static long pass(long nr, int fd, char *byte, unsigned long tag)
{
	long ret = nr;

	__asm__ volatile("mov %[tag], %%rbx\n\t"
			 "mov %%rbx, %%r12\n\t"
			 "not %%r12\n\t"
			 "syscall"
			 : "+a"(ret)
			 : "D"((long)fd), "S"(byte), "d"(1L), [tag] "r"(tag)
			 : "rbx", "r12", "rcx", "r11", "memory", "cc");
	return ret;
}

static void *jitter(void *arg)
{
	long i = (long)arg;
	char byte = 0;

	tell("jitter");
	for (unsigned long round = (unsigned long)i << 32;; round += 2) {
		if (pass(SYS_read, ring[i][0], &byte, round) == -EINTR ||
		    pass(SYS_write, ring[(i + 1) % 4][1], &byte, round + 1) == -EINTR)
			interrupted++;
	}
	return NULL;
}

static void start(void *(*fn)(void *), long arg)
{
	pthread_t t;

	if (pthread_create(&t, NULL, fn, (void *)arg))
		exit(1);
}

int main(void)
{
	sigset_t set;
	int sig;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	if (pipe(nothing))
		return 1;
	for (int i = 0; i < 4; i++)
		if (pipe(ring[i]))
			return 1;
	start(asleep, 0);
	start(old, 0);
	start(spin, 0);
	for (long i = 0; i < 4; i++)
		start(jitter, i);
	/* two bytes, so that some thread always runs while another is woken */
	if (write(ring[0][1], "ab", 2) != 2)
		return 1;
	usleep(500000);
	puts("ready");
	fflush(stdout);
	sigwait(&set, &sig);
	printf("interrupted=%ld\n", interrupted);
	fflush(stdout);
	return 0;
}
