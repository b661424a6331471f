// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What the guest's CPU needs to take exceptions and system calls: descriptor
 * tables, stacks, handlers.
 *
 * Handlers run on stacks of their own, so that the red zone of what they
 * interrupt stays intact.
 */
#include "internal.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#define VECTOR_PF	14

/* Selectors: SYSCALL takes the second for its stack segment. */
#define KERNEL_CODE	0x08
#define KERNEL_DATA	0x10
#define TSS_SELECTOR	0x18

#define GATE_INTERRUPT	0x8e
#define TRAP_STACK_SIZE	(64 << 10)

struct gate {
	uint16_t offset_low, selector;
	uint8_t ist, type;
	uint16_t offset_middle;
	uint32_t offset_high, reserved;
};

struct tss {
	uint32_t reserved0;
	uint64_t rsp[3];
	uint64_t reserved1;
	uint64_t ist[7];
	uint64_t reserved2;
	uint16_t reserved3, io_map;
} __attribute__((packed));

static struct gate idt[DUNE_VECTORS];
static struct tss tss;
static uint64_t gdt[5];
static char trap_stack[TRAP_STACK_SIZE] __attribute__((aligned(4096)));

static void set_gate(int vector)
{
	uint64_t stub = (uint64_t)dune_trap_stubs + vector * DUNE_TRAP_STUB_SIZE;

	idt[vector] = (struct gate){
		.offset_low = stub,
		.offset_middle = stub >> 16,
		.offset_high = stub >> 32,
		.selector = KERNEL_CODE,
		.ist = 1,
		.type = GATE_INTERRUPT,
	};
}

static void set_gdt(void)
{
	uint64_t base = (uint64_t)&tss, limit = sizeof(tss) - 1;

	gdt[KERNEL_CODE / 8] = 0x00af9b000000ffffULL;
	gdt[KERNEL_DATA / 8] = 0x00cf93000000ffffULL;
	gdt[TSS_SELECTOR / 8] = limit | (base & 0xffffff) << 16 |
				0x8bULL << 40 | (base >> 24 & 0xff) << 56;
	gdt[TSS_SELECTOR / 8 + 1] = base >> 32;
}

/* Fills in what the virtual CPU is to begin with. */
void dune_trap_init(struct dune_state *state)
{
	int vector;

	for (vector = 0; vector < DUNE_VECTORS; vector++)
		set_gate(vector);
	tss.ist[0] = (uint64_t)(trap_stack + sizeof(trap_stack));
	tss.io_map = sizeof(tss);
	set_gdt();

	state->gdt.base = (uint64_t)gdt;
	state->gdt.limit = sizeof(gdt) - 1;
	state->idt.base = (uint64_t)idt;
	state->idt.limit = sizeof(idt) - 1;
	state->tr.base = (uint64_t)&tss;
	state->tr.limit = sizeof(tss) - 1;
	state->tr.selector = TSS_SELECTOR;
	state->star = (uint64_t)KERNEL_CODE << 32;
}

static uint64_t fault_address(void)
{
	uint64_t address;

	asm volatile("mov %%cr2, %0" : "=r" (address));
	return address;
}

static int signal_for(const struct dune_frame *frame)
{
	switch (frame->vector) {
	case 0:
	case 16:
	case 19:
		return SIGFPE;
	case 1:
	case 3:
		return SIGTRAP;
	case 6:
		return SIGILL;
	case 17:
		return SIGBUS;
	default:
		return SIGSEGV;
	}
}

/* Nobody handles it: the process ends as it would have outside. */
static void die(const struct dune_frame *frame)
{
	struct {
		void *handler;
		unsigned long flags;
		void *restorer;
		uint64_t mask;
	} action = { 0 };
	int signal = signal_for(frame);
	long pid = dune_raw_syscall(SYS_getpid, 0, 0, 0, 0, 0, 0);
	long tid = dune_raw_syscall(SYS_gettid, 0, 0, 0, 0, 0, 0);

	dune_raw_syscall(SYS_rt_sigaction, signal, (long)&action, 0,
			 sizeof(action.mask), 0, 0);
	dune_raw_syscall(SYS_tgkill, pid, tid, signal, 0, 0, 0);
	dune_raw_syscall(SYS_exit_group, 128 + signal, 0, 0, 0, 0, 0);
}

/* Called by the stubs; may change the frame. */
void dune_trap(struct dune_frame *frame)
{
	/* A gibibyte that was not used before. */
	if (frame->vector == VECTOR_PF && !(frame->error_code & 1) &&
	    !dune_map_address(fault_address()))
		return;
	die(frame);
}
