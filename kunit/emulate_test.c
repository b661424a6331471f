// SPDX-License-Identifier: GPL-2.0-only
/* Instructions that core executes in the guest's place. */
#include <kunit/test.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/sched/signal.h>
#include <asm/cpufeature.h>
#include <asm/debugreg.h>
#include <asm/fpu/types.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>
#include <asm/trapnr.h>

#include "../core/compat.h"
#include "fake_hal.h"
#include "process.h"

#define GIB		BIT_ULL(30)
#define ENTRY		(_PAGE_PRESENT | _PAGE_RW)
#define LARGE		(ENTRY | _PAGE_PSE)
#define OPCODE(...)	((const u8[]){ __VA_ARGS__ })

/**
 * struct guest - a guest with a page table and some code
 * @vcpu: it
 * @code: where its code is, in its linear addresses
 * @memory: pages for it, where the process has them
 */
struct guest {
	struct dune_vcpu *vcpu;
	unsigned long code;
	unsigned long memory;
};

static void write_entry(struct kunit *test, unsigned long table,
			unsigned int index, u64 entry)
{
	process_write(test, table + 8 * index, &entry, sizeof(entry));
}

static unsigned int index_of(u64 linear, int level)
{
	return linear >> (12 + 9 * (level - 1)) & 511;
}

/* Its linear memory is the process's, by one large page. */
static struct guest make(struct kunit *test)
{
	unsigned long memory = process_map(test, 8 * PAGE_SIZE,
					   PROT_READ | PROT_WRITE, MAP_PRIVATE);
	struct guest guest = { .memory = memory, .code = memory + 2 * PAGE_SIZE };

	process_set_phys_bits(48);
	guest.vcpu = process_vcpu(test);
	write_entry(test, memory, index_of(guest.code, 4),
		    (memory + PAGE_SIZE) | ENTRY);
	write_entry(test, memory + PAGE_SIZE, index_of(guest.code, 3),
		    (guest.code & ~(GIB - 1)) | LARGE);
	fake_vcpu(guest.vcpu)->controls.cr3 = memory;
	return guest;
}

static long execute(struct kunit *test, struct guest *guest, const u8 *code,
		    size_t len, const struct dune_exit *exit)
{
	process_write(test, guest->code, code, len);
	guest->vcpu->run->regs.rip = guest->code;
	return process_run(test, exit, 1);
}

/* The second byte of a MOV of a control or debug register. */
#define FROM_CR	0x20
#define FROM_DR	0x21
#define TO_CR	0x22
#define TO_DR	0x23

/* Executes one of that register from or to rax, and goes on. */
static void move(struct kunit *test, struct guest *guest, u8 opcode, u8 number)
{
	const struct dune_exit exit = { .reason = DUNE_HW_REGISTER };
	const u8 code[] = { 0x0f, opcode, 0xc0 | number << 3 };

	KUNIT_EXPECT_EQ(test, 0L, execute(test, guest, code, 3, &exit));
	KUNIT_EXPECT_TRUE(test, process_ran_to_end(guest->vcpu));
}

static void expect_done(struct kunit *test, struct guest *guest)
{
	KUNIT_EXPECT_EQ(test, 0U, fake_hal.event_count);
	KUNIT_EXPECT_EQ(test, guest->code + 3, guest->vcpu->run->regs.rip);
}

static void expect_refused(struct kunit *test, struct guest *guest, u8 vector)
{
	KUNIT_EXPECT_EQ(test, 1U, fake_hal.event_count);
	EXPECT_EVENT(test, 0, vector,
		     vector == X86_TRAP_GP ? 0 : NO_ERROR_CODE);
	KUNIT_EXPECT_EQ(test, guest->code, guest->vcpu->run->regs.rip);
}

static void cr0_is_the_guest_s_within_bounds(struct kunit *test)
{
	struct guest guest = make(test);
	struct dune_regs *regs = &guest.vcpu->run->regs;
	struct dune_controls *controls = &fake_vcpu(guest.vcpu)->controls;
	u64 cr0 = controls->cr0;
	unsigned int flushes = fake_hal.flushes;

	move(test, &guest, FROM_CR, 0);
	expect_done(test, &guest);
	KUNIT_EXPECT_EQ(test, cr0, regs->rax);
	KUNIT_EXPECT_EQ(test, flushes + 1, fake_hal.flushes);

	/* One bit is one whatever is written. Rights change: it flushes. */
	regs->rax = cr0 & ~(X86_CR0_WP | X86_CR0_ET);
	move(test, &guest, TO_CR, 0);
	expect_done(test, &guest);
	KUNIT_EXPECT_EQ(test, cr0 & ~X86_CR0_WP, controls->cr0);
	KUNIT_EXPECT_EQ(test, flushes + 2, fake_hal.flushes);

	regs->rax = cr0 & ~X86_CR0_PG;
	move(test, &guest, TO_CR, 0);
	expect_refused(test, &guest, X86_TRAP_GP);
	regs->rax = cr0 | X86_CR0_CD;
	move(test, &guest, TO_CR, 0);
	expect_refused(test, &guest, X86_TRAP_GP);
	KUNIT_EXPECT_EQ(test, cr0 & ~X86_CR0_WP, controls->cr0);
}

static void cr4_is_the_guest_s_within_bounds(struct kunit *test)
{
	struct guest guest = make(test);
	struct dune_regs *regs = &guest.vcpu->run->regs;
	struct dune_controls *controls = &fake_vcpu(guest.vcpu)->controls;
	u64 cr4 = controls->cr4;

	move(test, &guest, FROM_CR, 4);
	expect_done(test, &guest);
	KUNIT_EXPECT_EQ(test, cr4, regs->rax);
	regs->rax = cr4 | X86_CR4_TSD;
	move(test, &guest, TO_CR, 4);
	expect_done(test, &guest);
	KUNIT_EXPECT_EQ(test, cr4 | X86_CR4_TSD, controls->cr4);
	regs->rax = cr4 | X86_CR4_VMXE;
	move(test, &guest, TO_CR, 4);
	expect_refused(test, &guest, X86_TRAP_GP);
	regs->rax = cr4 & ~X86_CR4_PAE;
	move(test, &guest, TO_CR, 4);
	expect_refused(test, &guest, X86_TRAP_GP);
	KUNIT_EXPECT_EQ(test, cr4 | X86_CR4_TSD, controls->cr4);
}

static void pcids_begin_with_none(struct kunit *test)
{
	struct guest guest = make(test);
	struct dune_regs *regs = &guest.vcpu->run->regs;
	struct dune_controls *controls = &fake_vcpu(guest.vcpu)->controls;

	if (!(dune_state_cr4_allowed() & X86_CR4_PCIDE))
		kunit_skip(test, "the kernel uses no PCIDs");
	regs->rax = controls->cr4 | X86_CR4_PCIDE;
	controls->cr3 |= 5;
	move(test, &guest, TO_CR, 4);
	expect_refused(test, &guest, X86_TRAP_GP);
	controls->cr3 &= ~0xfffULL;
	move(test, &guest, TO_CR, 4);
	expect_done(test, &guest);
	/* Once they are on, CR3 has one, and CR4 can be written still. */
	controls->cr3 |= 5;
	move(test, &guest, TO_CR, 4);
	expect_done(test, &guest);
}

static void cr8_means_nothing_to_us(struct kunit *test)
{
	struct guest guest = make(test);
	struct dune_regs *regs = &guest.vcpu->run->regs;
	const struct dune_exit exit = { .reason = DUNE_HW_REGISTER };
	const u8 to_cr8[] = { 0x44, 0x0f, 0x22, 0xc0 };
	const u8 from_cr8[] = { 0x44, 0x0f, 0x20, 0xc0 };

	regs->rax = 15;
	KUNIT_EXPECT_EQ(test, 0L, execute(test, &guest, to_cr8, 4, &exit));
	KUNIT_EXPECT_EQ(test, guest.code + 4, regs->rip);
	regs->rax = 0;
	KUNIT_EXPECT_EQ(test, 0L, execute(test, &guest, from_cr8, 4, &exit));
	KUNIT_EXPECT_EQ(test, 15ULL, regs->rax);
	regs->rax = 16;
	KUNIT_EXPECT_EQ(test, 0L, execute(test, &guest, to_cr8, 4, &exit));
	expect_refused(test, &guest, X86_TRAP_GP);
	KUNIT_EXPECT_EQ(test, 15, (int)guest.vcpu->cr8);
}

static void other_control_registers_do_not_come_here(struct kunit *test)
{
	struct guest guest = make(test);

	move(test, &guest, TO_CR, 3);
	expect_refused(test, &guest, X86_TRAP_GP);
	move(test, &guest, FROM_CR, 2);
	expect_refused(test, &guest, X86_TRAP_GP);
}

static void every_general_register_can_be_used(struct kunit *test)
{
	struct guest guest = make(test);
	u64 *regs = (u64 *)&guest.vcpu->run->regs;
	const struct dune_exit exit = { .reason = DUNE_HW_REGISTER };
	u8 i;

	for (i = 0; i < 16; i++) {
		/* MOV register, DR1 */
		const u8 code[] = { 0x40 | i >> 3, 0x0f, 0x21, 0xc8 | (i & 7) };

		memset(regs, 0, 16 * sizeof(*regs));
		guest.vcpu->dr[1] = 0x1000 + i;
		KUNIT_EXPECT_EQ(test, 0L, execute(test, &guest, code, 4, &exit));
		KUNIT_EXPECT_EQ(test, 0x1000ULL + i, regs[i]);
		KUNIT_EXPECT_EQ(test, 0ULL, regs[(i + 1) & 15]);
		KUNIT_EXPECT_EQ(test, guest.code + 4,
				guest.vcpu->run->regs.rip);
	}
}

static void breakpoints_can_be_set(struct kunit *test)
{
	struct guest guest = make(test);
	struct dune_regs *regs = &guest.vcpu->run->regs;
	int i;

	for (i = 0; i < 4; i++) {
		regs->rax = 0x7000 + i;
		move(test, &guest, TO_DR, i);
		expect_done(test, &guest);
		KUNIT_EXPECT_EQ(test, 0x7000ULL + i, guest.vcpu->dr[i]);
		regs->rax = 0;
		move(test, &guest, FROM_DR, i);
		KUNIT_EXPECT_EQ(test, 0x7000ULL + i, regs->rax);
	}
}

static void debug_registers_keep_their_fixed_bits(struct kunit *test)
{
	struct guest guest = make(test);
	struct dune_regs *regs = &guest.vcpu->run->regs;
	struct dune_controls *controls = &fake_vcpu(guest.vcpu)->controls;

	regs->rax = DR_STEP;
	move(test, &guest, TO_DR, 6);
	expect_done(test, &guest);
	move(test, &guest, FROM_DR, 6);
	KUNIT_EXPECT_EQ(test, 0xffff4ff0ULL, regs->rax);

	regs->rax = 0x33;
	move(test, &guest, TO_DR, 7);
	expect_done(test, &guest);
	KUNIT_EXPECT_EQ(test, 0x433ULL, controls->dr7);
	move(test, &guest, FROM_DR, 7);
	KUNIT_EXPECT_EQ(test, 0x433ULL, regs->rax);

	/* The upper half, and an exception at each access to them. */
	regs->rax = 1ULL << 32;
	move(test, &guest, TO_DR, 6);
	expect_refused(test, &guest, X86_TRAP_GP);
	move(test, &guest, TO_DR, 7);
	expect_refused(test, &guest, X86_TRAP_GP);
	regs->rax = BIT(13);
	move(test, &guest, TO_DR, 7);
	expect_refused(test, &guest, X86_TRAP_GP);
	KUNIT_EXPECT_EQ(test, 0x433ULL, controls->dr7);
}

static void old_names_of_debug_registers_can_be_turned_off(struct kunit *test)
{
	struct guest guest = make(test);
	struct dune_regs *regs = &guest.vcpu->run->regs;
	struct dune_controls *controls = &fake_vcpu(guest.vcpu)->controls;
	const struct dune_exit exit = { .reason = DUNE_HW_REGISTER };

	controls->cr4 &= ~X86_CR4_DE;
	move(test, &guest, FROM_DR, 4);
	expect_done(test, &guest);
	KUNIT_EXPECT_EQ(test, guest.vcpu->dr6, regs->rax);
	move(test, &guest, FROM_DR, 5);
	KUNIT_EXPECT_EQ(test, controls->dr7, regs->rax);

	controls->cr4 |= X86_CR4_DE;
	move(test, &guest, FROM_DR, 4);
	expect_refused(test, &guest, X86_TRAP_UD);
	move(test, &guest, TO_DR, 5);
	expect_refused(test, &guest, X86_TRAP_UD);

	/* DR8 is none. */
	KUNIT_EXPECT_EQ(test, 0L, execute(test, &guest,
					  OPCODE(0x44, 0x0f, 0x21, 0xc0), 4,
					  &exit));
	expect_refused(test, &guest, X86_TRAP_UD);
}

static void ring_3_has_no_such_registers(struct kunit *test)
{
	const struct dune_exit exit = { .reason = DUNE_HW_REGISTER, .cpl = 3 };
	struct guest guest = make(test);

	KUNIT_EXPECT_EQ(test, 0L, execute(test, &guest,
					  OPCODE(0x0f, 0x20, 0xc0), 3, &exit));
	expect_refused(test, &guest, X86_TRAP_GP);
}

static void anything_else_is_refused(struct kunit *test)
{
	const struct dune_exit exit = { .reason = DUNE_HW_REGISTER };
	struct guest guest = make(test);

	/* LMSW */
	KUNIT_EXPECT_EQ(test, 0L, execute(test, &guest,
					  OPCODE(0x0f, 0x01, 0xf0), 3, &exit));
	expect_refused(test, &guest, X86_TRAP_GP);
}

static void code_is_found_by_the_guest_s_page_table(struct kunit *test)
{
	struct guest guest = make(test);
	unsigned long root = guest.memory, tables = guest.memory + PAGE_SIZE;
	unsigned long first = guest.memory + 6 * PAGE_SIZE;
	unsigned long second = guest.memory + 4 * PAGE_SIZE;
	struct dune_regs *regs = &guest.vcpu->run->regs;
	const struct dune_exit exit = { .reason = DUNE_HW_REGISTER };
	const u64 linear = 0x123456789000;

	/* One instruction on two pages that lie elsewhere, in this order. */
	write_entry(test, root, index_of(linear, 4), tables | ENTRY);
	write_entry(test, tables, index_of(linear, 3),
		    (tables + PAGE_SIZE) | ENTRY);
	write_entry(test, tables + PAGE_SIZE, index_of(linear, 2),
		    (tables + 2 * PAGE_SIZE) | ENTRY);
	write_entry(test, tables + 2 * PAGE_SIZE, index_of(linear, 1),
		    first | ENTRY);
	process_write(test, first + PAGE_SIZE - 1, OPCODE(0x0f), 1);
	process_write(test, second, OPCODE(0x20, 0xc0), 2);

	/* Of the second page there is nothing yet. */
	regs->rip = linear + PAGE_SIZE - 1;
	KUNIT_EXPECT_EQ(test, 0L, process_run(test, &exit, 1));
	EXPECT_EVENT(test, 0, X86_TRAP_GP, 0);

	write_entry(test, tables + 2 * PAGE_SIZE, index_of(linear, 1) + 1,
		    second | ENTRY);
	KUNIT_EXPECT_EQ(test, 0L, process_run(test, &exit, 1));
	KUNIT_EXPECT_EQ(test, 0U, fake_hal.event_count);
	KUNIT_EXPECT_EQ(test, fake_vcpu(guest.vcpu)->controls.cr0, regs->rax);
	KUNIT_EXPECT_EQ(test, linear + PAGE_SIZE + 2, regs->rip);
}

static void code_that_cannot_be_read_is_not_executed(struct kunit *test)
{
	struct guest guest = make(test);
	struct dune_regs *regs = &guest.vcpu->run->regs;
	struct dune_controls *controls = &fake_vcpu(guest.vcpu)->controls;
	const struct dune_exit exit = { .reason = DUNE_HW_REGISTER };

	/* no entry; no table there; no such address of the process */
	regs->rip = 0x100000000000;
	KUNIT_EXPECT_EQ(test, 0L, process_run(test, &exit, 1));
	EXPECT_EVENT(test, 0, X86_TRAP_GP, 0);
	controls->cr3 = 0x200000000000;
	KUNIT_EXPECT_EQ(test, 0L, process_run(test, &exit, 1));
	EXPECT_EVENT(test, 0, X86_TRAP_GP, 0);
	controls->cr3 = 1ULL << 50;
	KUNIT_EXPECT_EQ(test, 0L, process_run(test, &exit, 1));
	EXPECT_EVENT(test, 0, X86_TRAP_GP, 0);
}

static void who_steps_sees_the_step(struct kunit *test)
{
	struct guest guest = make(test);
	struct dune_regs *regs = &guest.vcpu->run->regs;

	regs->rflags = X86_EFLAGS_TF | X86_EFLAGS_RF | X86_EFLAGS_FIXED;
	move(test, &guest, FROM_CR, 0);
	KUNIT_EXPECT_EQ(test, 1U, fake_hal.event_count);
	EXPECT_EVENT(test, 0, X86_TRAP_DB, NO_ERROR_CODE);
	KUNIT_EXPECT_EQ(test, guest.code + 3, regs->rip);
	KUNIT_EXPECT_EQ(test, (u64)DR_STEP, guest.vcpu->dr6 & DR_STEP);
	KUNIT_EXPECT_EQ(test, (u64)(X86_EFLAGS_TF | X86_EFLAGS_FIXED),
			regs->rflags);

	/* HLT is left by its own step. */
	RUN_TO_END(test, guest.vcpu, { .reason = DUNE_HW_HALT });
	EXPECT_EVENT(test, 0, X86_TRAP_DB, NO_ERROR_CODE);
}

static void efer_is_the_only_msr(struct kunit *test)
{
	struct guest guest = make(test);
	struct dune_vcpu *vcpu = guest.vcpu;
	struct dune_regs *regs = &vcpu->run->regs;
	struct dune_controls *controls = &fake_vcpu(vcpu)->controls;
	const struct dune_exit read = {
		.reason = DUNE_HW_MSR, .instruction_length = 2,
	};
	const struct dune_exit write = {
		.reason = DUNE_HW_MSR, .instruction_length = 2, .write = true,
	};
	u64 efer = controls->efer;

	regs->rip = 0x1000;
	regs->rcx = MSR_EFER;
	regs->rdx = ~0ULL;
	KUNIT_EXPECT_EQ(test, 0L, process_run(test, &read, 1));
	KUNIT_EXPECT_EQ(test, 0U, fake_hal.event_count);
	KUNIT_EXPECT_EQ(test, efer, regs->rax);
	KUNIT_EXPECT_EQ(test, 0ULL, regs->rdx);
	KUNIT_EXPECT_EQ(test, 0x1002ULL, regs->rip);

	regs->rax = efer & ~(u64)EFER_SCE;
	KUNIT_EXPECT_EQ(test, 0L, process_run(test, &write, 1));
	KUNIT_EXPECT_EQ(test, 0U, fake_hal.event_count);
	KUNIT_EXPECT_EQ(test, efer & ~(u64)EFER_SCE, controls->efer);

	regs->rax = efer | EFER_SVME;
	KUNIT_EXPECT_EQ(test, 0L, process_run(test, &write, 1));
	EXPECT_EVENT(test, 0, X86_TRAP_GP, 0);
	regs->rax = efer;
	regs->rdx = 1;
	KUNIT_EXPECT_EQ(test, 0L, process_run(test, &write, 1));
	EXPECT_EVENT(test, 0, X86_TRAP_GP, 0);
	KUNIT_EXPECT_EQ(test, efer & ~(u64)EFER_SCE, controls->efer);

	regs->rcx = MSR_IA32_APICBASE;
	KUNIT_EXPECT_EQ(test, 0L, process_run(test, &read, 1));
	EXPECT_EVENT(test, 0, X86_TRAP_GP, 0);
	KUNIT_EXPECT_EQ(test, 0x1004ULL, regs->rip);
}

static void extended_state_is_what_the_host_has_at_most(struct kunit *test)
{
	struct guest guest = make(test);
	struct dune_vcpu *vcpu = guest.vcpu;
	struct dune_regs *regs = &vcpu->run->regs;
	const struct dune_exit exit = {
		.reason = DUNE_HW_XSETBV, .instruction_length = 3,
	};
	const struct dune_exit from_ring_3 = {
		.reason = DUNE_HW_XSETBV, .instruction_length = 3, .cpl = 3,
	};

	if (!dune_host_xcr0())
		kunit_skip(test, "the CPU has no XSAVE");
	regs->rip = 0x1000;
	regs->rcx = 0;
	regs->rdx = 0;
	regs->rax = XFEATURE_MASK_FPSSE;
	KUNIT_EXPECT_EQ(test, 0L, process_run(test, &exit, 1));
	KUNIT_EXPECT_EQ(test, 0U, fake_hal.event_count);
	KUNIT_EXPECT_EQ(test, (u64)XFEATURE_MASK_FPSSE, vcpu->xcr0);
	KUNIT_EXPECT_EQ(test, 0x1003ULL, regs->rip);

	KUNIT_EXPECT_EQ(test, 0L, process_run(test, &from_ring_3, 1));
	EXPECT_EVENT(test, 0, X86_TRAP_GP, 0);
	regs->rax = XFEATURE_MASK_SSE;
	KUNIT_EXPECT_EQ(test, 0L, process_run(test, &exit, 1));
	EXPECT_EVENT(test, 0, X86_TRAP_GP, 0);
	regs->rax = XFEATURE_MASK_FPSSE;
	regs->rdx = 1U << 31;
	KUNIT_EXPECT_EQ(test, 0L, process_run(test, &exit, 1));
	EXPECT_EVENT(test, 0, X86_TRAP_GP, 0);
	regs->rdx = 0;
	regs->rcx = 1;
	KUNIT_EXPECT_EQ(test, 0L, process_run(test, &exit, 1));
	EXPECT_EVENT(test, 0, X86_TRAP_GP, 0);
	KUNIT_EXPECT_EQ(test, (u64)XFEATURE_MASK_FPSSE, vcpu->xcr0);
	KUNIT_EXPECT_EQ(test, 0x1003ULL, regs->rip);
}

static void ask_cpuid(struct kunit *test, struct guest *guest, u32 leaf,
		      u32 subleaf)
{
	struct dune_regs *regs = &guest->vcpu->run->regs;

	regs->rip = 0x1000;
	regs->rax = 0xdeadbeef00000000ULL | leaf;
	regs->rcx = 0xdeadbeef00000000ULL | subleaf;
	RUN_TO_END(test, guest->vcpu, {
		.reason = DUNE_HW_CPUID, .instruction_length = 2,
	});
	KUNIT_EXPECT_EQ(test, 0U, fake_hal.event_count);
	KUNIT_EXPECT_EQ(test, 0x1002ULL, regs->rip);
}

static void cpuid_tells_what_the_host_is(struct kunit *test)
{
	struct guest guest = make(test);
	struct dune_regs *regs = &guest.vcpu->run->regs;
	u32 eax, ebx, ecx, edx;

	cpuid_count(0, 0, &eax, &ebx, &ecx, &edx);
	ask_cpuid(test, &guest, 0, 0);
	KUNIT_EXPECT_EQ(test, (u64)eax, regs->rax);
	KUNIT_EXPECT_EQ(test, (u64)ebx, regs->rbx);
	KUNIT_EXPECT_EQ(test, (u64)ecx, regs->rcx);
	KUNIT_EXPECT_EQ(test, (u64)edx, regs->rdx);
}

static void cpuid_tells_what_the_guest_turned_on(struct kunit *test)
{
	struct guest guest = make(test);
	struct dune_regs *regs = &guest.vcpu->run->regs;
	struct dune_controls *controls = &fake_vcpu(guest.vcpu)->controls;

	controls->cr4 |= X86_CR4_OSXSAVE | X86_CR4_PKE;
	ask_cpuid(test, &guest, 1, 0);
	KUNIT_EXPECT_NE(test, 0ULL, regs->rcx & BIT(27));
	ask_cpuid(test, &guest, 7, 0);
	KUNIT_EXPECT_NE(test, 0ULL, regs->rcx & BIT(4));

	controls->cr4 &= ~(u64)(X86_CR4_OSXSAVE | X86_CR4_PKE);
	ask_cpuid(test, &guest, 1, 0);
	KUNIT_EXPECT_EQ(test, 0ULL, regs->rcx & BIT(27));
	ask_cpuid(test, &guest, 7, 0);
	KUNIT_EXPECT_EQ(test, 0ULL, regs->rcx & BIT(4));
}

static void cpuid_tells_the_size_of_the_guest_s_state(struct kunit *test)
{
	struct guest guest = make(test);
	struct dune_regs *regs = &guest.vcpu->run->regs;
	u64 host = dune_host_xcr0();

	if (!(host & XFEATURE_MASK_YMM))
		kunit_skip(test, "the CPU has no AVX");
	guest.vcpu->xcr0 = XFEATURE_MASK_FPSSE;
	ask_cpuid(test, &guest, 0xd, 0);
	KUNIT_EXPECT_EQ(test, 512ULL + 64, regs->rbx);
	guest.vcpu->xcr0 = XFEATURE_MASK_FPSSE | XFEATURE_MASK_YMM;
	ask_cpuid(test, &guest, 0xd, 0);
	KUNIT_EXPECT_EQ(test, 512ULL + 64 + 256, regs->rbx);
	KUNIT_EXPECT_EQ(test, host, dune_host_xcr0());
}

static struct kunit_case emulate_cases[] = {
	KUNIT_CASE(cr0_is_the_guest_s_within_bounds),
	KUNIT_CASE(cr4_is_the_guest_s_within_bounds),
	KUNIT_CASE(pcids_begin_with_none),
	KUNIT_CASE(cr8_means_nothing_to_us),
	KUNIT_CASE(other_control_registers_do_not_come_here),
	KUNIT_CASE(every_general_register_can_be_used),
	KUNIT_CASE(breakpoints_can_be_set),
	KUNIT_CASE(debug_registers_keep_their_fixed_bits),
	KUNIT_CASE(old_names_of_debug_registers_can_be_turned_off),
	KUNIT_CASE(ring_3_has_no_such_registers),
	KUNIT_CASE(anything_else_is_refused),
	KUNIT_CASE(code_is_found_by_the_guest_s_page_table),
	KUNIT_CASE(code_that_cannot_be_read_is_not_executed),
	KUNIT_CASE(who_steps_sees_the_step),
	KUNIT_CASE(efer_is_the_only_msr),
	KUNIT_CASE(extended_state_is_what_the_host_has_at_most),
	KUNIT_CASE(cpuid_tells_what_the_host_is),
	KUNIT_CASE(cpuid_tells_what_the_guest_turned_on),
	KUNIT_CASE(cpuid_tells_the_size_of_the_guest_s_state),
	{}
};

static struct kunit_suite emulate_suite = {
	.name = "dune_emulate",
	.init = process_init,
	.exit = process_exit,
	.test_cases = emulate_cases,
};

kunit_test_suite(emulate_suite);
