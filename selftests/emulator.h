/* SPDX-License-Identifier: GPL-2.0-only */
/* Faults of emulators that tests have to know. */
#ifndef DUNE_SELFTESTS_EMULATOR_H
#define DUNE_SELFTESTS_EMULATOR_H

#include <cpuid.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/*
 * QEMU says that it is there. A test that it fails by its own fault says what
 * QEMU gets wrong, and expects it of all others.
 */
static inline bool in_qemu(void)
{
	uint32_t eax, name[3] = { 0 };

	__cpuid(0x40000000, eax, name[0], name[1], name[2]);
	return !memcmp(name, "TCGTCGTCGTCG", sizeof(name));
}

#endif /* DUNE_SELFTESTS_EMULATOR_H */
