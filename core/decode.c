// SPDX-License-Identifier: GPL-2.0-only
/* Decodes the few instructions whose operands the CPU does not tell. */
#include <linux/bits.h>
#include <linux/kernel.h>
#include <linux/module.h>

#include "compat.h"
#include "decode.h"

/* Prefixes that change nothing about these instructions. */
static bool is_legacy_prefix(u8 byte)
{
	static const u8 prefixes[] = {
		0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf2, 0xf3,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(prefixes); i++)
		if (byte == prefixes[i])
			return true;
	return false;
}

/**
 * dune_decode_move() - decode a MOV to or from a control or debug register
 * @code: the instruction
 * @len: how many bytes there are
 * @move: filled
 *
 * Return: whether it is one.
 */
bool dune_decode_move(const void *code, size_t len, struct dune_move *move)
{
	const u8 *bytes = code;
	size_t i = 0;
	u8 rex = 0, modrm;

	while (i < len && is_legacy_prefix(bytes[i]))
		i++;
	/* Only the last one before the opcode counts. */
	while (i < len && (bytes[i] & 0xf0) == 0x40)
		rex = bytes[i++];
	/* Intel SDM, "MOV - Move to/from Control Registers", "... Debug ..." */
	if (i + 3 > len || bytes[i] != 0x0f || (bytes[i + 1] & 0xfc) != 0x20)
		return false;
	modrm = bytes[i + 2];
	*move = (struct dune_move) {
		.length = i + 3,
		.write = bytes[i + 1] & BIT(1),
		.debug = bytes[i + 1] & BIT(0),
		.number = (modrm >> 3 & 7) | (rex & BIT(2) ? 8 : 0),
		.general = (modrm & 7) | (rex & BIT(0) ? 8 : 0),
	};
	return true;
}
EXPORT_SYMBOL_IF_DUNE_KUNIT(dune_decode_move);
