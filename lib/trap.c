// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What the guest's CPU needs to take exceptions and system calls: descriptor
 * tables, stacks, handlers.
 *
 * Handlers run on stacks of their own, so that the red zone of what they
 * interrupt stays intact.
 */
#include "internal.h"

/* Its limit is the number of the CPU, and above that of the node. */
#define CPU_SELECTOR	0x7b
#define CPU_MASK	0xfff

#define GATE_INTERRUPT	0x8e
#define GATE_FOR_RING3	0x60	/* by an instruction that is there for it */

struct gate {
	uint16_t offset_low, selector;
	uint8_t ist, type;
	uint16_t offset_middle;
	uint32_t offset_high, reserved;
};

static struct gate idt[DUNE_VECTORS];

static void set_gate(int vector)
{
	uint64_t stub = (uint64_t)dune_trap_stubs + vector * DUNE_TRAP_STUB_SIZE;

	idt[vector] = (struct gate){
		.offset_low = stub,
		.offset_middle = stub >> 16,
		.offset_high = stub >> 32,
		.selector = RING0_CODE,
		/* not on the stack of a handler that it interrupts */
		.ist = vector == DUNE_VECTOR_SIGNAL ? 2 : 1,
		.type = GATE_INTERRUPT,
	};
	if (vector == DUNE_VECTOR_BP || vector == DUNE_VECTOR_OF)
		idt[vector].type |= GATE_FOR_RING3;
}

static void set_gdt(struct dune_thread *thread)
{
	uint64_t base = (uint64_t)&thread->tss;
	uint64_t limit = sizeof(thread->tss) - 1;
	uint64_t *gdt = thread->gdt;

	/* programs load what they have outside */
	gdt[RING3_DATA / 8] = 0x00cff3000000ffffULL;
	gdt[RING3_CODE / 8] = 0x00affb000000ffffULL;
	gdt[RING0_CODE / 8] = 0x00af9b000000ffffULL;
	gdt[RING0_DATA / 8] = 0x00cf93000000ffffULL;
	gdt[RING0_TSS / 8] = limit | (base & 0xffffff) << 16 |
				0x8bULL << 40 | (base >> 24 & 0xff) << 56;
	gdt[RING0_TSS / 8 + 1] = base >> 32;
}

/**
 * dune_trap_tell_cpu() - let the guest see which CPU it is on
 * @thread: the thread, on the host's side
 *
 * The vDSO asks for the limit of the kernel's segment. Where the thread is on
 * another CPU by then, DUNE_RUN comes back.
 */
void dune_trap_tell_cpu(struct dune_thread *thread)
{
	uint32_t limit = 0;

	asm volatile("lsl %1, %0" : "+r" (limit) : "r" (CPU_SELECTOR) : "cc");
	thread->gdt[CPU_SELECTOR / 8] = 0x0040f50000000000ULL |
					(limit & 0xffffULL) |
					(limit & 0xf0000ULL) << 32;
	thread->run->cpu = 1 + (limit & CPU_MASK);
}

/* One table for all threads; before the first is in the guest. */
void dune_trap_init(void)
{
	int vector;

	for (vector = 0; vector < DUNE_VECTORS; vector++)
		set_gate(vector);
}

/* Fills in what the virtual CPU is to begin with. */
void dune_trap_set_up(struct dune_thread *thread, struct dune_state *state)
{
	thread->tss.ist[0] = (uint64_t)thread + DUNE_TRAP_STACK;
	thread->tss.ist[1] = (uint64_t)thread + DUNE_SIGNAL_STACK;
	thread->tss.io_map = sizeof(thread->tss);
	set_gdt(thread);

	state->gdt.base = (uint64_t)thread->gdt;
	state->gdt.limit = sizeof(thread->gdt) - 1;
	state->idt.base = (uint64_t)idt;
	state->idt.limit = sizeof(idt) - 1;
	state->tr.base = (uint64_t)&thread->tss;
	state->tr.limit = sizeof(thread->tss) - 1;
	state->tr.selector = RING0_TSS;
	/* SYSRET loads SS and CS from 8 and 16 behind what it is given */
	state->star = (uint64_t)RING0_CODE << 32 |
		      (uint64_t)(RING3_CODE - 16) << 48;
	state->lstar = (uint64_t)thread->own_entry;
}
