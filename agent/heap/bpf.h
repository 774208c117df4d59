/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Small BPF programs, put together at run time: a dozen instructions each do not need a compiler
 * for another machine on the box, nor a library that loads what it made.
 */
#ifndef KPPROF_BPF_H
#define KPPROF_BPF_H

#include <stddef.h>
#include <stdint.h>
#include <linux/bpf.h>

enum { BPF_CODE_MAX = 256, BPF_FIXUPS_MAX = 32 };

/**
 * struct bpf_code - a program in the making
 * @insns: instructions
 * @n: how many
 * @fixups: jumps to the program's end, which is not known yet
 * @nfixups: how many
 * @error: -E2BIG when it did not fit
 */
struct bpf_code {
	struct bpf_insn insns[BPF_CODE_MAX];
	unsigned int n;
	unsigned int fixups[BPF_FIXUPS_MAX];
	unsigned int nfixups;
	int error;
};

/** bpf_emit() - append one instruction; returns its index */
unsigned int bpf_emit(struct bpf_code *c, uint8_t code, uint8_t dst, uint8_t src, int16_t off,
		      int32_t imm);

/** bpf_move() - @dst = @src */
void bpf_move(struct bpf_code *c, uint8_t dst, uint8_t src);

/** bpf_set() - @dst = @imm */
void bpf_set(struct bpf_code *c, uint8_t dst, int32_t imm);

/** bpf_add() - @dst += @imm */
void bpf_add(struct bpf_code *c, uint8_t dst, int32_t imm);

/** bpf_load() - @dst = 64 bits at @src + @off */
void bpf_load(struct bpf_code *c, uint8_t dst, uint8_t src, int off);

/** bpf_store() - 64 bits at @dst + @off = @src */
void bpf_store(struct bpf_code *c, uint8_t dst, int off, uint8_t src);

/** bpf_store_imm() - 64 bits at @dst + @off = @imm */
void bpf_store_imm(struct bpf_code *c, uint8_t dst, int off, int32_t imm);

/** bpf_count() - add 1 to the 64 bits at @base + @off; uses register 1 */
void bpf_count(struct bpf_code *c, uint8_t base, int off);

/** bpf_load_map() - @dst = a map */
void bpf_load_map(struct bpf_code *c, uint8_t dst, int map);

/** bpf_call() - call helper @id */
void bpf_call(struct bpf_code *c, int32_t id);

/** bpf_jump() - jump on @op (BPF_JEQ...) of @dst and @imm; returns what bpf_land() wants */
unsigned int bpf_jump(struct bpf_code *c, uint8_t op, uint8_t dst, int32_t imm);

/** bpf_land() - the jump at index @at goes to the next instruction */
void bpf_land(struct bpf_code *c, unsigned int at);

/** bpf_end_if() - end the program if @op of @dst and @imm */
void bpf_end_if(struct bpf_code *c, uint8_t op, uint8_t dst, int32_t imm);

/** bpf_return() - end the program here with @value */
void bpf_return(struct bpf_code *c, int32_t value);

/**
 * bpf_load_program() - end the program and load it
 * @c: the code; where it does not end otherwise it returns 0, so that the event that it is attached
 *	to has no record
 * @type: BPF_PROG_TYPE_KPROBE for uprobes, BPF_PROG_TYPE_PERF_EVENT for other events
 * @name: for bpftool
 *
 * Return: a descriptor; -errno, -EACCES when the kernel's verifier refuses it.
 */
int bpf_load_program(struct bpf_code *c, enum bpf_prog_type type, const char *name);

/**
 * bpf_map_create() - a map
 *
 * While a process is in a system call on a map the kernel runs no program on that CPU, and if the
 * process is preempted there, for long. So what is read often is an array, which is for mmap(2).
 *
 * Return: a descriptor or -errno.
 */
int bpf_map_create(enum bpf_map_type type, uint32_t key_size, uint32_t value_size, uint32_t entries,
		   const char *name);

/** bpf_map_update() - set an element; 0 or -errno */
int bpf_map_update(int map, const void *key, const void *value);

/** bpf_map_lookup() - read an element; 0 or -errno */
int bpf_map_lookup(int map, const void *key, void *value);

/** bpf_map_delete() - remove an element; 0 or -errno */
int bpf_map_delete(int map, const void *key);

#endif /* KPPROF_BPF_H */
