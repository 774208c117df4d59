// SPDX-License-Identifier: GPL-2.0-or-later
/* kmod/insn: lengths of instructions, as an assembler has them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../kmod/insn.h"

static uint64_t code(const char *bytes)
{
	uint64_t v;

	memcpy(&v, bytes, sizeof(v));
	return v;
}

static void test_plain(void **state)
{
	static const struct {
		const char *bytes;
		unsigned int length;
	} insns[] = {
		{"\x89\xf8......", 2},		      /* mov %edi,%eax */
		{"\x48\x89\xfb.....", 3},	      /* mov %rdi,%rbx */
		{"\x41\x89\xfc.....", 3},	      /* mov %edi,%r12d */
		{"\x45\x31\xed.....", 3},	      /* xor %r13d,%r13d */
		{"\xba\x01\x00\x00\x00...", 5},	      /* mov $1,%edx */
		{"\x41\xbc\x01\x00\x00\x00..", 6},    /* mov $1,%r12d */
		{"\x48\x8d\x05\x28\x28\x00\x00.", 7}, /* lea 0x2828(%rip),%rax */
		{"\x48\x8b\x44\x24\x08...", 5},	      /* mov 8(%rsp),%rax */
		{"\x4c\x8b\x24\xd0....", 4},	      /* mov (%rax,%rdx,8),%r12 */
		{"\x48\x63\xff.....", 3},	      /* movslq %edi,%rdi */
		{"\x85\xff......", 2},		      /* test %edi,%edi */
		{"\x0f\xb6\xc0.....", 3},	      /* movzbl %al,%eax */
		{"\x0f\x29\x45\xf0....", 4},	      /* movaps %xmm0,-16(%rbp) */
		{"\x48\x89\xe0.....", 3},	      /* mov %rsp,%rax */
		/* Those that change the stack pointer, or may. */
		{"\x48\x89\xc4.....", 0},		 /* mov %rax,%rsp */
		{"\x48\x8b\xe0.....", 0},		 /* mov %rax,%rsp, the other form */
		{"\x48\x29\xc4.....", 0},		 /* sub %rax,%rsp */
		{"\x48\x8d\x64\x24\xf8...", 0},		 /* lea -8(%rsp),%rsp */
		{"\x48\x83\xe4\xf0....", 0},		 /* and $-16,%rsp */
		{"\x48\x83\xec\x08....", 0},		 /* sub $8,%rsp */
		{"\x53.......", 0},			 /* push %rbx */
		{"\x5b.......", 0},			 /* pop %rbx */
		{"\xe8\x00\x00\x00\x00...", 0},		 /* call */
		{"\xc3.......", 0},			 /* ret */
		{"\x48\xb8\x01\x02\x03\x04\x05\x06", 0}, /* movabs: does not fit */
		{"\xbc\x01\x00\x00\x00...", 0},		 /* mov $1,%esp */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(insns) / sizeof(insns[0]); i++)
		assert_int_equal(kpprof_insn_plain_length(code(insns[i].bytes)), insns[i].length);
}

static void test_calls_and_jumps(void **state)
{
	(void)state;
	assert_int_equal(kpprof_insn_call_length(code("\xff\xd0......"), 0), 2);
	assert_int_equal(kpprof_insn_call_length(code("..\xff\x14\xf8..."), 2), 3);
	assert_int_equal(kpprof_insn_call_length(code("\xff\x15\x01\x02\x03\x04.."), 0), 6);
	assert_int_equal(kpprof_insn_call_length(code("\xff\xe0......"), 0), 0);
	assert_true(kpprof_insn_jumps_by_pointer(code("\xff\xe0......"), 0));
	assert_true(kpprof_insn_jumps_by_pointer(code("......\xff\x25"), 6));
	assert_false(kpprof_insn_jumps_by_pointer(code("\xff\xd0......"), 0));
	assert_int_equal(kpprof_insn_jump_target(code("\xe9\xfb\xff\xff\xff..."), 0, 0x1000),
			 0x1000);
	assert_int_equal(kpprof_insn_jump_target(code("..\xeb\x10...."), 2, 0x1000), 0x1014);
	assert_int_equal(kpprof_insn_jump_target(code("........"), 0, 0x1000), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_calls_and_jumps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
