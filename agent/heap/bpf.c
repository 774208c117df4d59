// SPDX-License-Identifier: GPL-2.0-or-later
#include "bpf.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../base/log.h"

unsigned int bpf_emit(struct bpf_code *c, uint8_t code, uint8_t dst, uint8_t src, int16_t off,
		      int32_t imm)
{
	/* Room for the two instructions of the end. */
	if (c->n >= BPF_CODE_MAX - 2) {
		c->error = -E2BIG;
		return 0;
	}
	c->insns[c->n] = (struct bpf_insn){.code = code, .off = off, .imm = imm};
	c->insns[c->n].dst_reg = dst & 15;
	c->insns[c->n].src_reg = src & 15;
	return c->n++;
}

void bpf_move(struct bpf_code *c, uint8_t dst, uint8_t src)
{
	bpf_emit(c, BPF_ALU64 | BPF_MOV | BPF_X, dst, src, 0, 0);
}

void bpf_set(struct bpf_code *c, uint8_t dst, int32_t imm)
{
	bpf_emit(c, BPF_ALU64 | BPF_MOV | BPF_K, dst, 0, 0, imm);
}

void bpf_add(struct bpf_code *c, uint8_t dst, int32_t imm)
{
	bpf_emit(c, BPF_ALU64 | BPF_ADD | BPF_K, dst, 0, 0, imm);
}

void bpf_load(struct bpf_code *c, uint8_t dst, uint8_t src, int off)
{
	bpf_emit(c, BPF_LDX | BPF_MEM | BPF_DW, dst, src, (int16_t)off, 0);
}

void bpf_store(struct bpf_code *c, uint8_t dst, int off, uint8_t src)
{
	bpf_emit(c, BPF_STX | BPF_MEM | BPF_DW, dst, src, (int16_t)off, 0);
}

void bpf_store_imm(struct bpf_code *c, uint8_t dst, int off, int32_t imm)
{
	bpf_emit(c, BPF_ST | BPF_MEM | BPF_DW, dst, 0, (int16_t)off, imm);
}

void bpf_count(struct bpf_code *c, uint8_t base, int off)
{
	bpf_load(c, BPF_REG_1, base, off);
	bpf_add(c, BPF_REG_1, 1);
	bpf_store(c, base, off, BPF_REG_1);
}

void bpf_load_map(struct bpf_code *c, uint8_t dst, int map)
{
	bpf_emit(c, BPF_LD | BPF_DW | BPF_IMM, dst, BPF_PSEUDO_MAP_FD, 0, map);
	bpf_emit(c, 0, 0, 0, 0, 0);
}

void bpf_call(struct bpf_code *c, int32_t id)
{
	bpf_emit(c, BPF_JMP | BPF_CALL, 0, 0, 0, id);
}

unsigned int bpf_jump(struct bpf_code *c, uint8_t op, uint8_t dst, int32_t imm)
{
	return bpf_emit(c, (uint8_t)(BPF_JMP | op | BPF_K), dst, 0, 0, imm);
}

void bpf_land(struct bpf_code *c, unsigned int at)
{
	c->insns[at].off = (int16_t)(c->n - at - 1);
}

void bpf_end_if(struct bpf_code *c, uint8_t op, uint8_t dst, int32_t imm)
{
	if (c->nfixups == BPF_FIXUPS_MAX) {
		c->error = -E2BIG;
		return;
	}
	c->fixups[c->nfixups++] = bpf_jump(c, op, dst, imm);
}

void bpf_return(struct bpf_code *c, int32_t value)
{
	bpf_set(c, BPF_REG_0, value);
	bpf_emit(c, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

static long sys_bpf(enum bpf_cmd cmd, union bpf_attr *attr)
{
	return syscall(SYS_bpf, cmd, attr, sizeof(*attr));
}

static void finish(struct bpf_code *c)
{
	for (unsigned int i = 0; i < c->nfixups; i++)
		bpf_land(c, c->fixups[i]);
	c->insns[c->n++] = (struct bpf_insn){.code = BPF_ALU64 | BPF_MOV | BPF_K};
	c->insns[c->n++] = (struct bpf_insn){.code = BPF_JMP | BPF_EXIT};
}

int bpf_load_program(struct bpf_code *c, enum bpf_prog_type type, const char *name)
{
	static char why[8192];
	union bpf_attr attr = {0};
	int fd;

	if (c->error)
		return c->error;
	finish(c);
	attr.prog_type = type;
	attr.insns = (uintptr_t)c->insns;
	attr.insn_cnt = c->n;
	/* What writes to perf rings must be. */
	attr.license = (uintptr_t) "GPL";
	snprintf(attr.prog_name, sizeof(attr.prog_name), "%s", name);
	fd = (int)sys_bpf(BPF_PROG_LOAD, &attr);
	if (fd >= 0)
		return fd;
	fd = -errno;
	attr.log_buf = (uintptr_t)why;
	attr.log_size = sizeof(why);
	attr.log_level = 1;
	why[0] = '\0';
	sys_bpf(BPF_PROG_LOAD, &attr);
	log_warning("the kernel refuses BPF program %s: %s\n%s", name, strerror(-fd), why);
	return fd;
}

int bpf_map_create(enum bpf_map_type type, uint32_t key_size, uint32_t value_size, uint32_t entries,
		   const char *name)
{
	union bpf_attr attr = {0};
	int fd;

	attr.map_type = type;
	attr.key_size = key_size;
	attr.value_size = value_size;
	attr.max_entries = entries;
	if (type == BPF_MAP_TYPE_ARRAY)
		attr.map_flags = BPF_F_MMAPABLE;
	snprintf(attr.map_name, sizeof(attr.map_name), "%s", name);
	fd = (int)sys_bpf(BPF_MAP_CREATE, &attr);
	return fd < 0 ? -errno : fd;
}

static int element(enum bpf_cmd cmd, int map, const void *key, const void *value)
{
	union bpf_attr attr = {0};

	attr.map_fd = (uint32_t)map;
	attr.key = (uintptr_t)key;
	attr.value = (uintptr_t)value;
	return sys_bpf(cmd, &attr) < 0 ? -errno : 0;
}

int bpf_map_update(int map, const void *key, const void *value)
{
	return element(BPF_MAP_UPDATE_ELEM, map, key, value);
}

int bpf_map_lookup(int map, const void *key, void *value)
{
	return element(BPF_MAP_LOOKUP_ELEM, map, key, value);
}

int bpf_map_delete(int map, const void *key)
{
	return element(BPF_MAP_DELETE_ELEM, map, key, NULL);
}
