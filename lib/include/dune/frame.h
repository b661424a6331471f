/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The registers of what was interrupted. */
#ifndef DUNE_FRAME_H
#define DUNE_FRAME_H

#include <stdint.h>

/**
 * struct dune_frame - registers at an exception or a system call of ring 3
 * @r15: general register, as all up to @rax
 * @r14: general register
 * @r13: general register
 * @r12: general register
 * @r11: lost by a system call
 * @r10: fourth argument of a system call
 * @r9: sixth argument
 * @r8: fifth argument
 * @rdi: first argument
 * @rsi: second argument
 * @rbp: general register
 * @rdx: third argument
 * @rcx: lost by a system call
 * @rbx: general register
 * @rax: number of a system call; then its result
 * @vector: of the exception, or DUNE_VECTOR_SYSCALL
 * @error_code: as the CPU gave it; 0 where it gives none
 * @rip: where it goes on. After a fault that is the instruction that faulted;
 *	after a trap (#BP, #OF, #DB by a step) and a system call the one behind
 * @cs: its lower two bits are the ring
 * @rflags: with DUNE_RFLAGS_IF clear no signal comes
 * @rsp: top of the stack
 * @ss: segment of the stack
 *
 * Handlers may change all of it but @vector, @error_code, @cs and @ss; what
 * they leave there is loaded when they return.
 */
struct dune_frame {
	uint64_t r15, r14, r13, r12, r11, r10, r9, r8;
	uint64_t rdi, rsi, rbp, rdx, rcx, rbx, rax;
	uint64_t vector, error_code;
	uint64_t rip, cs, rflags, rsp, ss;
};

#define DUNE_VECTOR_SYSCALL	256

#define DUNE_RFLAGS_TF		(1UL << 8)
#define DUNE_RFLAGS_IF		(1UL << 9)

#endif /* DUNE_FRAME_H */
