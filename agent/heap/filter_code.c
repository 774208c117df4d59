// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Registers of the programs: 6 is the probed thread's registers (struct pt_regs), 7 to 9 are named
 * where they are set; 10 is the end of the program's own stack. Every program ends by returning 0.
 */
#include <asm/ptrace.h>
#include <string.h>

#include "bpf.h"
#include "filter_maps.h"

/* What malloc aligns to: two words. */
enum { MALLOC_ALIGNMENT = 16 };

/* Where things are on the program's stack. */
enum {
	AT_KEY = -8, /* of pending: thread and function */
	AT_TGID = -16,
	AT_LIVE_KEY = -32, /* struct live_key */
	AT_LIVE_TGID = -24,
	AT_PENDING = AT_LIVE_KEY - (int)sizeof(struct pending),
	AT_RECORD = AT_PENDING - (int)sizeof(struct heap_record),
	AT_INDEX = AT_RECORD - 8,
	AT_SEQ = AT_INDEX - 8,
};

#define REGS   BPF_REG_6
#define FP     BPF_REG_10
#define REG(r) (int)offsetof(struct pt_regs, r)

/* Offsets in struct pt_regs by the number of a register in machine code. */
static const uint8_t reg_offset[16] = {
	REG(rax), REG(rcx), REG(rdx), REG(rbx), REG(rsp), REG(rbp), REG(rsi), REG(rdi),
	REG(r8),  REG(r9),  REG(r10), REG(r11), REG(r12), REG(r13), REG(r14), REG(r15),
};

static void map_call(struct bpf_code *c, int map, int key_at, int32_t helper)
{
	bpf_load_map(c, BPF_REG_1, map);
	bpf_move(c, BPF_REG_2, FP);
	bpf_add(c, BPF_REG_2, key_at);
	bpf_call(c, helper);
}

/* @reg = this CPU's struct state. */
static void get_state(const struct heap_filter *f, struct bpf_code *c, uint8_t reg)
{
	bpf_call(c, BPF_FUNC_get_smp_processor_id);
	bpf_store(c, FP, AT_INDEX, BPF_REG_0);
	map_call(c, f->state, AT_INDEX, BPF_FUNC_map_lookup_elem);
	bpf_end_if(c, BPF_JEQ, BPF_REG_0, 0);
	bpf_move(c, reg, BPF_REG_0);
}

/* The keys of pending, and the process: thread << 32 | function. */
static void get_thread(struct bpf_code *c, uint32_t id)
{
	bpf_call(c, BPF_FUNC_get_current_pid_tgid);
	bpf_move(c, BPF_REG_1, BPF_REG_0);
	bpf_emit(c, BPF_ALU64 | BPF_LSH | BPF_K, BPF_REG_1, 0, 0, 32);
	bpf_emit(c, BPF_ALU64 | BPF_OR | BPF_K, BPF_REG_1, 0, 0, (int32_t)id);
	bpf_store(c, FP, AT_KEY, BPF_REG_1);
	bpf_emit(c, BPF_ALU64 | BPF_RSH | BPF_K, BPF_REG_0, 0, 0, 32);
	bpf_store(c, FP, AT_TGID, BPF_REG_0);
	bpf_store(c, FP, AT_LIVE_TGID, BPF_REG_0);
}

/* Writes the record, of which the first field and @seq and @ptr are given in registers. */
static void write_record(struct bpf_code *c, int map, enum heap_record_type type, uint32_t id,
			 uint8_t seq, uint8_t ptr)
{
	const int at = AT_RECORD;

	bpf_store(c, FP, at + (int)offsetof(struct heap_record, seq), seq);
	bpf_store(c, FP, at + (int)offsetof(struct heap_record, ptr), ptr);
	bpf_emit(c, BPF_ST | BPF_MEM | BPF_W, FP, 0, (int16_t)at, (int32_t)type);
	bpf_emit(c, BPF_ST | BPF_MEM | BPF_W, FP, 0,
		 (int16_t)(at + (int)offsetof(struct heap_record, func)), (int32_t)id);
	bpf_load(c, BPF_REG_1, FP, AT_TGID);
	bpf_store(c, FP, at + (int)offsetof(struct heap_record, tgid), BPF_REG_1);
	bpf_move(c, BPF_REG_1, REGS);
	bpf_load_map(c, BPF_REG_2, map);
	/* BPF_F_CURRENT_CPU */
	bpf_emit(c, BPF_ALU | BPF_MOV | BPF_K, BPF_REG_3, 0, 0, -1);
	bpf_move(c, BPF_REG_4, FP);
	bpf_add(c, BPF_REG_4, at);
	bpf_set(c, BPF_REG_5, sizeof(struct heap_record));
	bpf_call(c, BPF_FUNC_perf_event_output);
}

static void record_field(struct bpf_code *c, int field, uint8_t reg)
{
	bpf_store(c, FP, AT_RECORD + field, reg);
}

static void zero_record(struct bpf_code *c)
{
	for (int i = 0; i < (int)sizeof(struct heap_record); i += 8)
		bpf_store_imm(c, FP, AT_RECORD + i, 0);
}

#define RECORD(field)  (int)offsetof(struct heap_record, field)
#define PENDING(field) (int)offsetof(struct pending, field)
#define STATE(field)   (int)offsetof(struct state, field)

/* No program has so many bytes of addresses: what asks for more is refused. */
enum { SIZE_BITS = 47 };

/* Ends the program when the product of @reg and register 1 has no room in 64 bits; else that is
 * @reg. */
static void multiply(struct bpf_code *c, uint8_t reg)
{
	unsigned int fits, zero;

	bpf_move(c, BPF_REG_2, reg);
	bpf_emit(c, BPF_ALU64 | BPF_MUL | BPF_X, reg, BPF_REG_1, 0, 0);
	zero = bpf_jump(c, BPF_JEQ, BPF_REG_1, 0);
	bpf_move(c, BPF_REG_3, reg);
	bpf_emit(c, BPF_ALU64 | BPF_DIV | BPF_X, BPF_REG_3, BPF_REG_1, 0, 0);
	fits = bpf_emit(c, BPF_JMP | BPF_JEQ | BPF_X, BPF_REG_3, BPF_REG_2, 0, 0);
	bpf_end_if(c, BPF_JA, 0, 0);
	bpf_land(c, fits);
	bpf_land(c, zero);
}

/* @reg = bytes asked for; ends the program when no allocator has so many. */
static void get_size(struct bpf_code *c, enum alloc_kind kind, uint8_t reg)
{
	static const struct {
		uint8_t first, second;
	} args[ALLOC_KINDS] = {
		[ALLOC_SIZE] = {REG(rdi), 0},	 [ALLOC_ARRAY] = {REG(rdi), REG(rsi)},
		[ALLOC_ALIGNED] = {REG(rsi), 0}, [ALLOC_STORED] = {REG(rdx), 0},
		[ALLOC_RESIZE] = {REG(rsi), 0},	 [ALLOC_RESIZE_ARRAY] = {REG(rsi), REG(rdx)},
	};

	bpf_load(c, reg, REGS, args[kind].first);
	if (args[kind].second) {
		bpf_load(c, BPF_REG_1, REGS, args[kind].second);
		multiply(c, reg);
	}
	bpf_move(c, BPF_REG_1, reg);
	bpf_emit(c, BPF_ALU64 | BPF_RSH | BPF_K, BPF_REG_1, 0, 0, SIZE_BITS);
	bpf_end_if(c, BPF_JNE, BPF_REG_1, 0);
}

/* The block at di is gone, if it is a sample. */
static void emit_free(const struct heap_filter *f, struct bpf_code *c)
{
	bpf_load(c, BPF_REG_7, REGS, REG(rdi));
	bpf_end_if(c, BPF_JEQ, BPF_REG_7, 0);
	get_state(f, c, BPF_REG_8);
	bpf_count(c, BPF_REG_8, STATE(counts.frees));
	get_thread(c, 0);
	bpf_store(c, FP, AT_LIVE_KEY, BPF_REG_7);
	map_call(c, f->live, AT_LIVE_KEY, BPF_FUNC_map_lookup_elem);
	bpf_end_if(c, BPF_JEQ, BPF_REG_0, 0);
	bpf_load(c, BPF_REG_9, BPF_REG_0, 0);
	map_call(c, f->live, AT_LIVE_KEY, BPF_FUNC_map_delete_elem);
	zero_record(c);
	write_record(c, f->out_light, HEAP_FREED, 0, BPF_REG_9, BPF_REG_7);
}

/* AT_SEQ = a number when the next @size (register 7) bytes hold a sample point, else 0. */
static void choose(const struct heap_filter *f, struct bpf_code *c)
{
	unsigned int not ;

	bpf_store_imm(c, FP, AT_SEQ, 0);
	bpf_load(c, BPF_REG_1, BPF_REG_8, STATE(left));
	bpf_emit(c, BPF_ALU64 | BPF_SUB | BPF_X, BPF_REG_1, BPF_REG_7, 0, 0);
	bpf_store(c, BPF_REG_8, STATE(left), BPF_REG_1);
	not = bpf_jump(c, BPF_JSGT, BPF_REG_1, 0);
	bpf_call(c, BPF_FUNC_get_prandom_u32);
	bpf_emit(c, BPF_ALU64 | BPF_AND | BPF_K, BPF_REG_0, 0, 0, HEAP_GAPS - 1);
	bpf_store(c, FP, AT_INDEX, BPF_REG_0);
	map_call(c, f->gaps, AT_INDEX, BPF_FUNC_map_lookup_elem);
	bpf_end_if(c, BPF_JEQ, BPF_REG_0, 0);
	bpf_load(c, BPF_REG_1, BPF_REG_0, 0);
	bpf_store(c, BPF_REG_8, STATE(left), BPF_REG_1);
	bpf_count(c, BPF_REG_8, STATE(seq));
	bpf_call(c, BPF_FUNC_get_smp_processor_id);
	bpf_load(c, BPF_REG_1, BPF_REG_8, STATE(seq));
	bpf_emit(c, BPF_ALU64 | BPF_LSH | BPF_K, BPF_REG_1, 0, 0, 12);
	bpf_emit(c, BPF_ALU64 | BPF_OR | BPF_X, BPF_REG_1, BPF_REG_0, 0, 0);
	bpf_store(c, FP, AT_SEQ, BPF_REG_1);
	bpf_land(c, not );
}

/* A call of the same function that never came back (longjmp, a thread's end) is over. */
static void end_pending(const struct heap_filter *f, struct bpf_code *c)
{
	unsigned int none;

	map_call(c, f->pending, AT_KEY, BPF_FUNC_map_lookup_elem);
	none = bpf_jump(c, BPF_JEQ, BPF_REG_0, 0);
	map_call(c, f->pending, AT_KEY, BPF_FUNC_map_delete_elem);
	bpf_land(c, none);
}

/* Register 9 = the sample that is resized, or 0; ends the program when nothing is to be followed.
 */
static void find_old(const struct heap_filter *f, struct bpf_code *c, bool resizes)
{
	unsigned int none, sampled;

	bpf_set(c, BPF_REG_9, 0);
	if (resizes) {
		bpf_load(c, BPF_REG_1, REGS, REG(rdi));
		bpf_store(c, FP, AT_LIVE_KEY, BPF_REG_1);
		map_call(c, f->live, AT_LIVE_KEY, BPF_FUNC_map_lookup_elem);
		none = bpf_jump(c, BPF_JEQ, BPF_REG_0, 0);
		bpf_load(c, BPF_REG_9, BPF_REG_0, 0);
		bpf_land(c, none);
	}
	sampled = bpf_jump(c, BPF_JNE, BPF_REG_9, 0);
	bpf_load(c, BPF_REG_1, FP, AT_SEQ);
	bpf_end_if(c, BPF_JEQ, BPF_REG_1, 0);
	bpf_land(c, sampled);
}

/* Register 0 = 0, and 64 bits of the program's memory at register 3 are at @at of the stack. */
static void read_user(struct bpf_code *c, int at)
{
	bpf_move(c, BPF_REG_1, FP);
	bpf_add(c, BPF_REG_1, at);
	bpf_set(c, BPF_REG_2, 8);
	bpf_call(c, BPF_FUNC_probe_read_user);
}

static void store_pending(const struct heap_filter *f, struct bpf_code *c, int32_t pushed)
{
	bpf_load(c, BPF_REG_3, REGS, REG(rsp));
	bpf_add(c, BPF_REG_3, pushed);
	read_user(c, AT_PENDING + PENDING(caller));
	bpf_load(c, BPF_REG_1, FP, AT_SEQ);
	bpf_store(c, FP, AT_PENDING + PENDING(seq), BPF_REG_1);
	bpf_store(c, FP, AT_PENDING + PENDING(size), BPF_REG_7);
	bpf_load(c, BPF_REG_1, REGS, REG(rsp));
	bpf_add(c, BPF_REG_1, pushed);
	bpf_store(c, FP, AT_PENDING + PENDING(sp), BPF_REG_1);
	bpf_load(c, BPF_REG_1, REGS, REG(rdi));
	bpf_store(c, FP, AT_PENDING + PENDING(arg), BPF_REG_1);
	bpf_store_imm(c, FP, AT_PENDING + PENDING(ptr), 0);
	bpf_store(c, FP, AT_PENDING + PENDING(old), BPF_REG_9);
	bpf_move(c, BPF_REG_3, FP);
	bpf_add(c, BPF_REG_3, AT_PENDING);
	bpf_set(c, BPF_REG_4, BPF_ANY);
	map_call(c, f->pending, AT_KEY, BPF_FUNC_map_update_elem);
}

static void emit_alloc(const struct heap_filter *f, struct bpf_code *c,
		       const struct alloc_func *func, uint32_t id)
{
	bool resizes = func->kind == ALLOC_RESIZE || func->kind == ALLOC_RESIZE_ARRAY;

	get_size(c, (enum alloc_kind)func->kind, BPF_REG_7);
	/* Then the other function counts. */
	if (func->flags & ALLOC_LEAVES && (resizes || func->kind == ALLOC_ALIGNED)) {
		bpf_load(c, BPF_REG_1, REGS, REG(rdi));
		bpf_end_if(c, BPF_JLE, BPF_REG_1, resizes ? 0 : MALLOC_ALIGNMENT);
	}
	get_state(f, c, BPF_REG_8);
	bpf_count(c, BPF_REG_8, STATE(counts.allocs));
	bpf_load(c, BPF_REG_1, BPF_REG_8, STATE(counts.bytes));
	bpf_emit(c, BPF_ALU64 | BPF_ADD | BPF_X, BPF_REG_1, BPF_REG_7, 0, 0);
	bpf_store(c, BPF_REG_8, STATE(counts.bytes), BPF_REG_1);
	get_thread(c, id);
	end_pending(f, c);
	choose(f, c);
	find_old(f, c, resizes);
	store_pending(f, c, func->sites.entry.depth);
	bpf_load(c, BPF_REG_9, FP, AT_SEQ);
	bpf_end_if(c, BPF_JEQ, BPF_REG_9, 0);
	zero_record(c);
	record_field(c, RECORD(size), BPF_REG_7);
	bpf_load(c, BPF_REG_1, FP, AT_PENDING + PENDING(sp));
	record_field(c, RECORD(sp), BPF_REG_1);
	bpf_set(c, BPF_REG_8, 0);
	write_record(c, f->out_stack, HEAP_SAMPLED, id, BPF_REG_9, BPF_REG_8);
}

/* Register 8 = the pointer that the call at register 7 (struct pending) has for its caller. */
static void get_result(struct bpf_code *c, const struct alloc_func *func,
		       const struct probe_site *site)
{
	if (func->kind != ALLOC_STORED) {
		bpf_load(c, BPF_REG_8, REGS, reg_offset[site->reg]);
		bpf_add(c, BPF_REG_8, (int32_t)site->add);
		return;
	}
	bpf_load(c, BPF_REG_3, BPF_REG_7, PENDING(arg));
	read_user(c, AT_INDEX);
	bpf_end_if(c, BPF_JNE, BPF_REG_0, 0);
	bpf_load(c, BPF_REG_8, FP, AT_INDEX);
}

/* The block that was resized is gone; unless its address was given to somebody else meanwhile. */
static void emit_resized(const struct heap_filter *f, struct bpf_code *c)
{
	unsigned int none, gone, other;

	bpf_load(c, BPF_REG_9, BPF_REG_7, PENDING(old));
	none = bpf_jump(c, BPF_JEQ, BPF_REG_9, 0);
	bpf_store_imm(c, BPF_REG_7, PENDING(old), 0);
	bpf_load(c, BPF_REG_1, BPF_REG_7, PENDING(arg));
	bpf_store(c, FP, AT_LIVE_KEY, BPF_REG_1);
	map_call(c, f->live, AT_LIVE_KEY, BPF_FUNC_map_lookup_elem);
	gone = bpf_jump(c, BPF_JEQ, BPF_REG_0, 0);
	bpf_load(c, BPF_REG_1, BPF_REG_0, 0);
	other = bpf_emit(c, BPF_JMP | BPF_JNE | BPF_X, BPF_REG_1, BPF_REG_9, 0, 0);
	map_call(c, f->live, AT_LIVE_KEY, BPF_FUNC_map_delete_elem);
	zero_record(c);
	bpf_load(c, BPF_REG_1, FP, AT_LIVE_KEY);
	write_record(c, f->out_light, HEAP_FREED, 0, BPF_REG_9, BPF_REG_1);
	bpf_land(c, none);
	bpf_land(c, gone);
	bpf_land(c, other);
}

/* What an earlier exit of this call has taken for its result was not it. */
static void emit_replaced(const struct heap_filter *f, struct bpf_code *c)
{
	unsigned int none;

	bpf_load(c, BPF_REG_1, BPF_REG_7, PENDING(ptr));
	none = bpf_jump(c, BPF_JEQ, BPF_REG_1, 0);
	bpf_store(c, FP, AT_LIVE_KEY, BPF_REG_1);
	map_call(c, f->live, AT_LIVE_KEY, BPF_FUNC_map_delete_elem);
	bpf_land(c, none);
	bpf_store(c, BPF_REG_7, PENDING(ptr), BPF_REG_8);
}

/*
 * Ends the program when this is not the call at register 7: code may be shared with other
 * functions, and a call that is over is kept until the next one. In it the stack pointer is where
 * it belongs, and the return address is the one that it had.
 */
static void check_call(struct bpf_code *c, const struct probe_site *site)
{
	unsigned int same;

	if (site->depth >= 0) {
		bpf_load(c, BPF_REG_1, BPF_REG_7, PENDING(sp));
		bpf_load(c, BPF_REG_2, REGS, REG(rsp));
		bpf_emit(c, BPF_ALU64 | BPF_SUB | BPF_X, BPF_REG_1, BPF_REG_2, 0, 0);
		bpf_end_if(c, BPF_JNE, BPF_REG_1, site->depth);
	}
	bpf_load(c, BPF_REG_3, BPF_REG_7, PENDING(sp));
	read_user(c, AT_INDEX);
	bpf_end_if(c, BPF_JNE, BPF_REG_0, 0);
	bpf_load(c, BPF_REG_1, FP, AT_INDEX);
	bpf_load(c, BPF_REG_2, BPF_REG_7, PENDING(caller));
	same = bpf_emit(c, BPF_JMP | BPF_JEQ | BPF_X, BPF_REG_1, BPF_REG_2, 0, 0);
	bpf_end_if(c, BPF_JA, 0, 0);
	bpf_land(c, same);
}

static void emit_exit(const struct heap_filter *f, struct bpf_code *c,
		      const struct alloc_func *func, const struct probe_site *site, uint32_t id)
{
	unsigned int fits;

	get_thread(c, id);
	map_call(c, f->pending, AT_KEY, BPF_FUNC_map_lookup_elem);
	bpf_end_if(c, BPF_JEQ, BPF_REG_0, 0);
	bpf_move(c, BPF_REG_7, BPF_REG_0);
	check_call(c, site);
	get_result(c, func, site);
	bpf_end_if(c, BPF_JEQ, BPF_REG_8, 0);
	bpf_load(c, BPF_REG_1, BPF_REG_7, PENDING(ptr));
	fits = bpf_emit(c, BPF_JMP | BPF_JNE | BPF_X, BPF_REG_1, BPF_REG_8, 0, 0);
	bpf_end_if(c, BPF_JA, 0, 0);
	bpf_land(c, fits);
	emit_resized(f, c);
	emit_replaced(f, c);
	bpf_load(c, BPF_REG_9, BPF_REG_7, PENDING(seq));
	bpf_end_if(c, BPF_JEQ, BPF_REG_9, 0);
	bpf_store(c, FP, AT_LIVE_KEY, BPF_REG_8);
	bpf_store(c, FP, AT_SEQ, BPF_REG_9);
	bpf_move(c, BPF_REG_3, FP);
	bpf_add(c, BPF_REG_3, AT_SEQ);
	bpf_set(c, BPF_REG_4, BPF_ANY);
	map_call(c, f->live, AT_LIVE_KEY, BPF_FUNC_map_update_elem);
	zero_record(c);
	record_field(c, RECORD(size), BPF_REG_0);
	write_record(c, f->out_light, HEAP_PLACED, id, BPF_REG_9, BPF_REG_8);
	bpf_load(c, BPF_REG_9, FP, AT_RECORD + RECORD(size));
	bpf_end_if(c, BPF_JEQ, BPF_REG_9, 0);
	get_state(f, c, BPF_REG_8);
	bpf_count(c, BPF_REG_8, STATE(counts.overflow));
}

static void begin(struct bpf_code *c)
{
	*c = (struct bpf_code){0};
	bpf_move(c, REGS, BPF_REG_1);
}

int heap_filter_entry(struct heap_filter *f, const struct alloc_func *func, uint32_t id)
{
	struct bpf_code c;

	begin(&c);
	if (func->kind == ALLOC_FREE)
		emit_free(f, &c);
	else
		emit_alloc(f, &c, func, id);
	return bpf_load_program(&c, BPF_PROG_TYPE_KPROBE,
				func->kind == ALLOC_FREE ? "kpprof_free" : "kpprof_alloc");
}

int heap_filter_exit(struct heap_filter *f, const struct alloc_func *func,
		     const struct probe_site *site, uint32_t id)
{
	struct bpf_code c;

	begin(&c);
	emit_exit(f, &c, func, site, id);
	return bpf_load_program(&c, BPF_PROG_TYPE_KPROBE, "kpprof_exit");
}
