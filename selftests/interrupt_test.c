// SPDX-License-Identifier: GPL-2.0-only
/* Interrupts that the process asks for, and exceptions that meet exceptions. */
#include "kselftest_harness.h"

#include "guest.h"
#include "need_dune.h"

#define VECTOR		0x40
#define CODE_SELECTOR	8
#define PAGE		4096UL
#define LARGE		(2UL << 20)

struct gate {
	uint16_t offset_low, selector;
	uint8_t ist, type;
	uint16_t offset_middle;
	uint32_t offset_high, reserved;
};

/* What the CPU of the guest needs to deliver something, in one place. */
struct delivery {
	uint64_t gdt[8];
	struct gate idt[256];
	uint8_t stack[PAGE];
	uint8_t handler[64];
};

FIXTURE(interrupt) {
	struct guest guest;
	struct delivery *delivery;
};

static void set_gate(struct gate *gate, const void *handler)
{
	uint64_t address = (uint64_t)handler;

	*gate = (struct gate){
		.offset_low = address,
		.offset_middle = address >> 16,
		.offset_high = address >> 32,
		.selector = CODE_SELECTOR,
		.type = 0x8e,
	};
}

FIXTURE_SETUP(interrupt)
{
	struct guest *guest = &self->guest;
	struct dune_state state;
	int err = guest_create(guest);
	struct delivery *delivery;
	uint8_t *area;

	ASSERT_EQ(0, err);
	area = mmap(NULL, 2 * LARGE, PROT_READ | PROT_WRITE | PROT_EXEC,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, (void *)area);
	area = (uint8_t *)(((uint64_t)area + LARGE - 1) & ~(LARGE - 1));
	delivery = (struct delivery *)area;
	self->delivery = delivery;
	guest_map(guest, delivery);

	delivery->gdt[CODE_SELECTOR / 8] = 0x00af9b000000ffffULL;
	delivery->gdt[2] = 0x00cf93000000ffffULL;
	/* the vector's handler: mov $1, %ebx; add $32, %r12; iretq */
	memcpy(delivery->handler, "\xbb\x01\x00\x00\x00\x48\xcf", 7);
	set_gate(&delivery->idt[VECTOR], delivery->handler);

	ASSERT_EQ(0, ioctl(guest->vcpu, DUNE_GET_STATE, &state));
	state.gdt.base = (uint64_t)delivery->gdt;
	state.gdt.limit = sizeof(delivery->gdt) - 1;
	state.idt.base = (uint64_t)delivery->idt;
	state.idt.limit = sizeof(delivery->idt) - 1;
	ASSERT_EQ(0, ioctl(guest->vcpu, DUNE_SET_STATE, &state));
	guest->run->regs.rsp = (uint64_t)(delivery->stack + PAGE);
	guest->run->regs.rbx = 0;
}

FIXTURE_TEARDOWN(interrupt)
{
	guest_destroy(&self->guest);
}

TEST_F(interrupt, comes_before_the_next_instruction)
{
	struct guest *guest = &self->guest;

	guest_emit(guest, "\x48\x89\xd8", 3);		/* mov %rbx, %rax */
	guest_emit_hypercall(guest);
	guest->run->interrupt = VECTOR;
	ASSERT_EQ(0, guest_run(guest));
	EXPECT_EQ(DUNE_EXIT_SYSCALL, guest->run->exit_reason);
	EXPECT_EQ(1, guest->run->regs.rax);
	EXPECT_EQ(0, guest->run->interrupt);
	/* and once only */
	guest_reset_code(guest);
	guest->run->regs.rbx = 7;
	ASSERT_EQ(0, guest_run(guest));
	EXPECT_EQ(7, guest->run->regs.rax);
}

TEST_F(interrupt, waits_while_the_guest_has_them_off)
{
	struct guest *guest = &self->guest;

	guest_emit_hypercall(guest);
	guest->run->regs.rflags = 2;
	guest->run->interrupt = VECTOR;
	ASSERT_EQ(0, guest_run(guest));
	EXPECT_EQ(0, guest->run->regs.rbx);
	EXPECT_EQ(VECTOR, guest->run->interrupt);
}

TEST_F(interrupt, comes_when_the_guest_turns_them_on)
{
	struct guest *guest = &self->guest;

	guest_emit(guest, "\xfb", 1);			/* sti */
	guest_emit(guest, "\x48\x89\xd8", 3);		/* mov %rbx, %rax */
	guest_emit(guest, "\x48\x89\xd9", 3);		/* mov %rbx, %rcx */
	guest_emit_hypercall(guest);
	guest->run->regs.rflags = 2;
	guest->run->interrupt = VECTOR;
	ASSERT_EQ(0, guest_run(guest));
	/* behind the one instruction that STI protects */
	EXPECT_EQ(0, guest->run->regs.rax);
	EXPECT_EQ(1, guest->run->regs.rcx);
	EXPECT_EQ(0, guest->run->interrupt);
}

/* HLT comes under the protection of STI, so the interrupt comes behind it. */
TEST_F(interrupt, keeps_a_guest_awake)
{
	struct guest *guest = &self->guest;

	guest_emit(guest, "\xfb\xf4\x90", 3);		/* sti; hlt; nop */
	guest_emit_hypercall(guest);
	guest->run->regs.rflags = 2;
	guest->run->interrupt = VECTOR;
	ASSERT_EQ(0, guest_run(guest));
	EXPECT_EQ(DUNE_EXIT_SYSCALL, guest->run->exit_reason);
	EXPECT_EQ(1, guest->run->regs.rbx);
	EXPECT_EQ(0, guest->run->interrupt);
}

TEST_F(interrupt, can_be_taken_back)
{
	struct guest *guest = &self->guest;

	guest_emit_hypercall(guest);
	guest->run->regs.rflags = 2;
	guest->run->interrupt = VECTOR;
	ASSERT_EQ(0, guest_run(guest));
	EXPECT_EQ(VECTOR, guest->run->interrupt);
	guest->run->interrupt = 0;
	/* the CPU watches for the moment that the guest turns them on */
	guest_emit(guest, "\xfb\x90\x90", 3);		/* sti; nop; nop */
	guest_emit_hypercall(guest);
	ASSERT_EQ(0, guest_run(guest));
	EXPECT_EQ(DUNE_EXIT_SYSCALL, guest->run->exit_reason);
	EXPECT_EQ(0, guest->run->regs.rbx);
}

/* The stack that it is delivered on has to be brought in by the host first. */
TEST_F(interrupt, survives_a_nested_fault_on_the_way)
{
	struct guest *guest = &self->guest;

	guest_emit_hypercall(guest);
	ASSERT_EQ(0, madvise((void *)((uint64_t)self->delivery->stack & -PAGE),
			     PAGE, MADV_DONTNEED));
	guest->run->interrupt = VECTOR;
	ASSERT_EQ(0, guest_run(guest));
	EXPECT_EQ(DUNE_EXIT_SYSCALL, guest->run->exit_reason);
	EXPECT_EQ(1, guest->run->regs.rbx);
}

/* A page fault that cannot be delivered: a double fault has a stack of its own. */
TEST_F(interrupt, a_page_fault_without_a_stack_is_a_double_fault)
{
	static uint8_t tss[104] __attribute__((aligned(128)));
	struct guest *guest = &self->guest;
	struct delivery *delivery = self->delivery;
	struct dune_state state;
	uint64_t stack = (uint64_t)(delivery->stack + PAGE);

	guest_map(guest, tss);
	memcpy(tss + 36, &stack, 8);			/* IST 1 */
	set_gate(&delivery->idt[14], delivery->handler);
	set_gate(&delivery->idt[8], delivery->handler + 16);
	delivery->idt[8].ist = 1;
	memcpy(delivery->handler + 16, "\xbb\x08\x00\x00\x00", 5);
	memcpy(delivery->handler + 21, guest->info.hypercall,
	       guest->info.hypercall_len);
	ASSERT_EQ(0, ioctl(guest->vcpu, DUNE_GET_STATE, &state));
	state.tr.base = (uint64_t)tss;
	ASSERT_EQ(0, ioctl(guest->vcpu, DUNE_SET_STATE, &state));

	guest_emit(guest, "\x50", 1);			/* push %rax */
	guest_map(guest, (void *)0x10000000000);
	guest->run->regs.rsp = 0x10000100000;
	ASSERT_EQ(0, guest_run(guest));
	EXPECT_EQ(DUNE_EXIT_SYSCALL, guest->run->exit_reason);
	EXPECT_EQ(8, guest->run->regs.rbx);
}

/* Each emulated instruction is a step like any other. */
TEST_F(interrupt, steps_over_emulated_instructions)
{
	struct guest *guest = &self->guest;
	struct delivery *delivery = self->delivery;
	struct dune_state state;

	/* inc %r14; iretq */
	memcpy(delivery->handler + 32, "\x49\xff\xc6\x48\xcf", 5);
	set_gate(&delivery->idt[1], delivery->handler + 32);
	guest_emit(guest, "\x90", 1);			/* nop */
	guest_emit(guest, "\x0f\xa2", 2);		/* cpuid */
	guest_emit(guest, "\x44\x0f\x20\xc0", 4);	/* mov %cr8, %rax */
	guest_emit(guest, "\x90", 1);
	guest_emit_hypercall(guest);
	guest->run->regs.rflags = 0x302;
	guest->run->regs.r14 = 0;
	ASSERT_EQ(0, guest_run(guest));
	EXPECT_EQ(DUNE_EXIT_SYSCALL, guest->run->exit_reason);
	EXPECT_EQ(4, guest->run->regs.r14);
	ASSERT_EQ(0, ioctl(guest->vcpu, DUNE_GET_STATE, &state));
	EXPECT_EQ(1 << 14, state.dr6 & 0xe00f);
	/* the hypercall is one too */
	guest_emit(guest, "\x90", 1);
	guest_emit_hypercall(guest);
	ASSERT_EQ(0, guest_run(guest));
	EXPECT_EQ(6, guest->run->regs.r14);
}

TEST_F(interrupt, stops_at_a_breakpoint_of_its_own)
{
	struct guest *guest = &self->guest;
	struct delivery *delivery = self->delivery;
	struct dune_state state;

	/* mov $1, %ebx; orl $0x10000, 16(%rsp) (RF); iretq */
	memcpy(delivery->handler + 32,
	       "\xbb\x01\x00\x00\x00\x81\x4c\x24\x10\x00\x00\x01\x00\x48\xcf",
	       15);
	set_gate(&delivery->idt[1], delivery->handler + 32);
	ASSERT_EQ(0, ioctl(guest->vcpu, DUNE_GET_STATE, &state));
	state.dr2 = (uint64_t)guest->code + 1;
	state.dr7 |= 0x20;				/* global, of DR2 */
	ASSERT_EQ(0, ioctl(guest->vcpu, DUNE_SET_STATE, &state));
	guest_emit(guest, "\x90\x90\x48\x89\xd8", 5);	/* nop; nop; mov %rbx, %rax */
	guest_emit_hypercall(guest);
	ASSERT_EQ(0, guest_run(guest));
	EXPECT_EQ(DUNE_EXIT_SYSCALL, guest->run->exit_reason);
	EXPECT_EQ(1, guest->run->regs.rax);
	ASSERT_EQ(0, ioctl(guest->vcpu, DUNE_GET_STATE, &state));
	EXPECT_EQ(4, state.dr6 & 0xe00f);
}

TEST_HARNESS_MAIN
