/* SPDX-License-Identifier: GPL-2.0-only */
/* Decodes the few instructions whose operands the CPU does not tell. */
#ifndef DUNE_DECODE_H
#define DUNE_DECODE_H

#include <linux/types.h>

/* Intel SDM, "Instruction Format": no instruction is longer. */
#define DUNE_INSTRUCTION_MAX	15

/**
 * struct dune_move - a MOV to or from a control or debug register
 * @length: in bytes
 * @write: to the register
 * @debug: it is a debug register
 * @number: which
 * @general: the general register, as struct dune_regs counts them
 */
struct dune_move {
	u8 length;
	bool write;
	bool debug;
	u8 number;
	u8 general;
};

bool dune_decode_move(const void *code, size_t len, struct dune_move *move);

#endif /* DUNE_DECODE_H */
