/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest with a handler for every exception, made for tests that do their
 * worst. Included once a program, as the harness is.
 */
#ifndef DUNE_SELFTESTS_HOSTILE_H
#define DUNE_SELFTESTS_HOSTILE_H

#include "kselftest_harness.h"

#include <signal.h>
#include <sys/time.h>

#include "emulator.h"
#include "guest.h"
#include "guest_code.h"
#include "need_dune.h"

#define LARGE		(2UL << 20)
#define PAGE		4096UL

#define GUEST_USER	4UL

#define CODE_SELECTOR	0x08
#define USER_DATA	0x23
#define USER_CODE	0x2b

#define TSS_BUSY	0x8b

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

/* What the guest has beside its code. */
struct area {
	uint64_t gdt[16];
	struct gate idt[256];
	struct tss tss;
	uint8_t stack[PAGE] __attribute__((aligned(16)));
	uint8_t ist[PAGE] __attribute__((aligned(16)));
	uint8_t handlers[256] __attribute__((aligned(PAGE)));
};

FIXTURE(hostile) {
	struct guest guest;
	struct area *area;
	struct dune_state state;
};

/* An exception goes on at RBX, counted in R8. */
CODE(skip, "inc %r8; mov %rbx, (%rsp); iretq", "");
CODE(skip_error, "inc %r8; add $8, %rsp; mov %rbx, (%rsp); iretq", "");

static void put_code(uint8_t *place, const struct guest_code *code)
{
	memcpy(place, code->start, code->end - code->start);
}

static void set_gate(struct gate *gate, const void *handler)
{
	uint64_t address = (uint64_t)handler;

	*gate = (struct gate){
		.offset_low = address,
		.offset_middle = address >> 16,
		.offset_high = address >> 32,
		.selector = CODE_SELECTOR,
		.ist = 1,
		.type = 0x8e,
	};
}

static void set_up_area(struct area *area, struct dune_state *state)
{
	uint8_t *error = area->handlers, *plain = area->handlers + 64;
	int i;

	put_code(error, &skip_error);
	put_code(plain, &skip);
	/* 8, 10 to 14, 17 push an error code */
	for (i = 0; i < 32; i++)
		set_gate(&area->idt[i], 0x27d00 >> i & 1 ? error : plain);
	area->gdt[CODE_SELECTOR / 8] = 0x00af9b000000ffffUL;
	area->gdt[2] = 0x00cf93000000ffffUL;
	area->gdt[USER_DATA / 8] = 0x00cff3000000ffffUL;
	area->gdt[USER_CODE / 8] = 0x00affb000000ffffUL;
	area->tss.ist[0] = (uint64_t)(area->ist + PAGE);
	area->tss.rsp[0] = (uint64_t)(area->stack + PAGE);
	state->gdt.base = (uint64_t)area->gdt;
	state->gdt.limit = sizeof(area->gdt) - 1;
	state->idt.base = (uint64_t)area->idt;
	state->idt.limit = sizeof(area->idt) - 1;
	state->tr.base = (uint64_t)&area->tss;
	state->tr.limit = sizeof(area->tss) - 1;
}

static int set_up(struct guest *guest, struct area **area,
		  struct dune_state *state)
{
	int err = guest_create(guest);
	uint8_t *memory;

	if (err)
		return err;
	memory = mmap(NULL, 2 * LARGE, PROT_READ | PROT_WRITE | PROT_EXEC,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return -ENOMEM;
	*area = (void *)(((uint64_t)memory + LARGE - 1) & -LARGE);
	guest_map(guest, *area);
	if (ioctl(guest->vcpu, DUNE_GET_STATE, state))
		return -errno;
	set_up_area(*area, state);
	return ioctl(guest->vcpu, DUNE_SET_STATE, state) ? -errno : 0;
}

FIXTURE_SETUP(hostile)
{
	ASSERT_EQ(0, set_up(&self->guest, &self->area, &self->state));
}

FIXTURE_TEARDOWN(hostile)
{
	guest_destroy(&self->guest);
}

/* Begins anew, in the good state, with other code. */
static bool begin(struct guest *guest, struct area *area,
		  const struct dune_state *state)
{
	guest_reset_code(guest);
	memset(&guest->run->regs, 0, sizeof(guest->run->regs));
	guest->run->regs.rip = (uint64_t)guest->code;
	guest->run->regs.rflags = 0x202;
	guest->run->regs.rsp = (uint64_t)(area->stack + PAGE);
	guest->run->flags = 0;
	guest->run->cpu = 0;
	guest->run->interrupt = 0;
	guest->run->exit_reason = DUNE_EXIT_NONE;
	return !ioctl(guest->vcpu, DUNE_SET_STATE, state);
}

#define BEGIN() ASSERT_TRUE(begin(&self->guest, self->area, &self->state))

/* Code, and a hypercall at its end; exceptions go on at its next part. */
static void emit(struct guest *guest, const struct guest_code *code)
{
	guest->run->regs.rbx = (uint64_t)guest->code_end +
			       (code->next - code->start);
	guest_emit(guest, code->start, code->end - code->start);
	guest_emit_hypercall(guest);
}

/* A signal now and then: nothing lasts for ever. 0: no more. */
static void on_signal(int signal)
{
}

static void interrupt_every(int milliseconds)
{
	struct itimerval timer = {
		.it_value.tv_usec = milliseconds * 1000,
		.it_interval.tv_usec = milliseconds * 1000,
	};

	signal(SIGALRM, on_signal);
	setitimer(ITIMER_REAL, &timer, NULL);
}

CODE(nothing, "nop", "");

static bool still_works(struct guest *guest, struct area *area,
			const struct dune_state *state)
{
	interrupt_every(0);
	if (!begin(guest, area, state))
		return false;
	emit(guest, &nothing);
	if (!guest_run(guest) && guest->run->exit_reason == DUNE_EXIT_SYSCALL)
		return true;
	printf("# errno %d, reason %u, hardware %llx\n", errno,
	       guest->run->exit_reason, guest->run->hardware_reason);
	return false;
}

#define EXPECT_STILL_WORKS()						\
	EXPECT_TRUE(still_works(&self->guest, self->area, &self->state))

/* Why it came out, or -1. */
static inline int reason(struct guest *guest)
{
	return guest_run(guest) ? -1 : (int)guest->run->exit_reason;
}

/* A signal ends what would last; everything else is as ever. */
static bool defined_outcome(struct guest *guest, int ret)
{
	uint32_t reason = guest->run->exit_reason;

	if (ret)
		return errno == EINTR;
	return reason == DUNE_EXIT_SYSCALL || reason == DUNE_EXIT_SHUTDOWN ||
	       reason == DUNE_EXIT_INVALID_STATE;
}

CODE(undefined, "ud2", "");

#endif /* DUNE_SELFTESTS_HOSTILE_H */
