/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For the assembly: overwrite the CPU's internal buffers where the kernel does,
 * so that the guest does not find the host's data there (Intel, "Microarchi-
 * tectural Data Sampling"; AMD, "Transient Scheduler Attacks"). The instruction
 * does it when its selector comes from memory.
 */
#ifndef DUNE_CLEAR_BUFFERS_H
#define DUNE_CLEAR_BUFFERS_H

#include <asm/alternative.h>
#include <asm/cpufeatures.h>
#include <asm/segment.h>

.macro CLEAR_BUFFERS feature:req
	ALTERNATIVE "jmp .Lclean_\@", "", \feature
	verw	.Lkernel_data(%rip)
.Lclean_\@:
.endm

.pushsection .rodata, "a"
.Lkernel_data:
	.word __KERNEL_DS
.popsection

#endif /* DUNE_CLEAR_BUFFERS_H */
