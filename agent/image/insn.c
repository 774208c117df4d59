// SPDX-License-Identifier: GPL-2.0-or-later
#include "insn.h"

#include <errno.h>

#include <Zydis/Zydis.h>

/* What a called function may change. */
static const uint32_t caller_saved =
	1u << REG_AX | 1u << REG_CX | 1u << REG_DX | 1u << REG_SI | 1u << REG_DI | 0xfu << REG_R8;

/* The number of a general register, whatever part of it @reg is; -1 for any other register. */
static int general(ZydisRegister reg)
{
	ZydisRegister whole = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, reg);

	return ZydisRegisterGetClass(whole) == ZYDIS_REGCLASS_GPR64 ? ZydisRegisterGetId(whole)
								    : -1;
}

static bool is_whole(const ZydisDecodedOperand *op)
{
	return op->type == ZYDIS_OPERAND_TYPE_REGISTER &&
	       ZydisRegisterGetClass(op->reg.value) == ZYDIS_REGCLASS_GPR64;
}

/*
 * What arch/x86/kernel/uprobes.c executes by itself, in all kernels since 5.10: push of a general
 * register, nop, and direct jumps, branches and calls, none with a prefix other than push's REX.
 */
static bool is_emulated(const uint8_t *code, size_t len)
{
	if (code[0] == 0x41)
		return len == 2 && (code[1] & 0xf8) == 0x50;
	if (code[0] == 0x0f)
		return len == 6 && (code[1] & 0xf0) == 0x80;
	return (len == 1 && ((code[0] & 0xf8) == 0x50 || code[0] == 0x90)) ||
	       (len == 5 && (code[0] == 0xe8 || code[0] == 0xe9)) ||
	       (len == 2 && (code[0] == 0xeb || (code[0] & 0xf0) == 0x70));
}

static enum insn_flow flow_of(const ZydisDecodedInstruction *in, const ZydisDecodedOperand *ops)
{
	bool direct = in->operand_count && ops[0].type == ZYDIS_OPERAND_TYPE_IMMEDIATE;

	switch (in->meta.category) {
	case ZYDIS_CATEGORY_COND_BR:
		return FLOW_BRANCH;
	case ZYDIS_CATEGORY_UNCOND_BR:
		return direct ? FLOW_JUMP : FLOW_INDIRECT;
	case ZYDIS_CATEGORY_CALL:
		return FLOW_CALL;
	case ZYDIS_CATEGORY_RET:
		return FLOW_RETURN;
	default:
		break;
	}
	switch (in->mnemonic) {
	case ZYDIS_MNEMONIC_HLT:
	case ZYDIS_MNEMONIC_UD0:
	case ZYDIS_MNEMONIC_UD1:
	case ZYDIS_MNEMONIC_UD2:
	case ZYDIS_MNEMONIC_INT3:
		return FLOW_STOP;
	default:
		return FLOW_NEXT;
	}
}

static void find_writes(const ZydisDecodedInstruction *in, const ZydisDecodedOperand *ops,
			struct insn *out)
{
	for (unsigned int i = 0; i < in->operand_count; i++) {
		const ZydisDecodedOperand *op = &ops[i];
		int reg;

		if (!(op->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE))
			continue;
		if (op->type == ZYDIS_OPERAND_TYPE_MEMORY && op->mem.base != ZYDIS_REGISTER_RSP)
			out->stores = true;
		if (op->type != ZYDIS_OPERAND_TYPE_REGISTER)
			continue;
		reg = general(op->reg.value);
		if (reg >= 0)
			out->writes |= 1u << reg;
	}
	if (out->flow == FLOW_CALL)
		out->writes |= caller_saved;
	if (in->mnemonic == ZYDIS_MNEMONIC_SYSCALL)
		out->writes |= 1u << REG_AX;
}

/* mov between registers, lea of a register and a constant, add and sub of a constant. */
static void find_copy(const ZydisDecodedInstruction *in, const ZydisDecodedOperand *ops,
		      struct insn *out)
{
	const ZydisDecodedOperand *src = &ops[1];

	if (in->operand_count < 2 || !is_whole(&ops[0]))
		return;
	out->to = out->from = (uint8_t)general(ops[0].reg.value);
	if (in->mnemonic == ZYDIS_MNEMONIC_MOV && is_whole(src)) {
		out->from = (uint8_t)general(src->reg.value);
		out->copies = true;
	} else if (in->mnemonic == ZYDIS_MNEMONIC_LEA && src->mem.index == ZYDIS_REGISTER_NONE &&
		   general(src->mem.base) >= 0) {
		out->from = (uint8_t)general(src->mem.base);
		out->add = src->mem.disp.value;
		out->copies = true;
	} else if (src->type == ZYDIS_OPERAND_TYPE_IMMEDIATE &&
		   (in->mnemonic == ZYDIS_MNEMONIC_ADD || in->mnemonic == ZYDIS_MNEMONIC_SUB)) {
		out->add =
			in->mnemonic == ZYDIS_MNEMONIC_ADD ? src->imm.value.s : -src->imm.value.s;
		out->copies = true;
	}
}

static void find_push(const ZydisDecodedInstruction *in, struct insn *out)
{
	if (in->mnemonic == ZYDIS_MNEMONIC_PUSH)
		out->push = 8;
	else if (in->mnemonic == ZYDIS_MNEMONIC_POP && !(out->copies && out->to == REG_SP))
		out->push = -8;
	else if (out->copies && out->to == REG_SP && out->from == REG_SP)
		out->push = (int32_t)-out->add;
	else if (out->flow != FLOW_CALL && out->flow != FLOW_RETURN)
		out->moves = out->writes & 1u << REG_SP;
}

int insn_decode(const uint8_t *code, size_t n, struct insn *out)
{
	ZydisDecodedOperand ops[ZYDIS_MAX_OPERAND_COUNT];
	ZydisDecodedInstruction in;
	ZydisDecoder decoder;

	ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, code, n, &in, ops)))
		return -EILSEQ;
	*out = (struct insn){.len = in.length, .flow = (uint8_t)flow_of(&in, ops)};
	out->emulated = is_emulated(code, in.length);
	if (in.operand_count && ops[0].type == ZYDIS_OPERAND_TYPE_IMMEDIATE &&
	    (out->flow == FLOW_JUMP || out->flow == FLOW_BRANCH || out->flow == FLOW_CALL))
		out->target = in.length + ops[0].imm.value.s;
	if (out->flow == FLOW_INDIRECT && in.operand_count &&
	    ops[0].type == ZYDIS_OPERAND_TYPE_MEMORY && ops[0].mem.base == ZYDIS_REGISTER_RIP)
		out->slot = in.length + ops[0].mem.disp.value;
	find_writes(&in, ops, out);
	find_copy(&in, ops, out);
	find_push(&in, out);
	return 0;
}
