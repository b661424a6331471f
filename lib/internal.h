/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the parts of libdune know of each other. */
#ifndef DUNE_INTERNAL_H
#define DUNE_INTERNAL_H

/* Offsets for the assembly, checked in enter.c. */
#define THREAD_RUN		0
#define THREAD_HOST_STACK	8
#define REGS_RAX		0
#define REGS_RBX		24
#define REGS_RSP		32
#define REGS_RBP		40
#define REGS_R12		96
#define REGS_R13		104
#define REGS_R14		112
#define REGS_R15		120
#define REGS_RIP		128
#define REGS_RFLAGS		136

#define DUNE_VECTORS		32
#define DUNE_TRAP_STUB_SIZE	16

#ifndef __ASSEMBLER__

#include <dune/dune.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * struct dune_frame - what a trap pushes: registers, then what the CPU pushed
 */
struct dune_frame {
	uint64_t r15, r14, r13, r12, r11, r10, r9, r8;
	uint64_t rdi, rsi, rbp, rdx, rcx, rbx, rax;
	uint64_t vector, error_code;
	uint64_t rip, cs, rflags, rsp, ss;
};

/**
 * struct dune_thread - a thread that is in Dune, or about to be
 * @run: the page shared with the kernel
 * @host_stack: end of the stack on which the host's side of it runs
 * @vcpu: descriptor of its virtual CPU
 */
struct dune_thread {
	struct dune_run *run;
	void *host_stack;
	int vcpu;
};

/* Calls the kernel without the C library, which has errno and cancellation. */
long dune_raw_syscall(long nr, long a, long b, long c, long d, long e, long f);

/* Both ends of libdune, or of what it was linked into. */
extern const char __ehdr_start[] __attribute__((visibility("hidden")));
extern const char _end[] __attribute__((visibility("hidden")));

/* enter.c, entry.S */
int dune_enter_guest(struct dune_thread *thread);
int dune_host_loop(struct dune_thread *thread);

/* page_table.c */
int dune_map_init(int vcpu);
int dune_map_address(uint64_t address);
int dune_map_range(uint64_t start, uint64_t end);
int dune_map_tables(void);
uint64_t dune_map_root(void);

/* trap.c */
void dune_trap_init(struct dune_state *state);
void dune_trap(struct dune_frame *frame);
extern const char dune_trap_stubs[];

#endif /* !__ASSEMBLER__ */
#endif /* DUNE_INTERNAL_H */
