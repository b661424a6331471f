// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest that does its worst in ring 0: whatever comes of it is one of the
 * outcomes that there are, and everything goes on working.
 */
#include "hostile.h"

#define VECTOR_DB	1
#define VECTOR_AC	17

/* R12 to R13 by R14; R15 counts those that did not fault. */
#define NEXT "add %r14, %r12; cmp %r13, %r12; jb 0b"

CODE(read_msrs, "0: mov %r12d, %ecx; rdmsr; inc %r15", NEXT);
CODE(write_msrs, "0: mov %r12d, %ecx; mov %esi, %eax; mov %esi, %edx; wrmsr;"
	"inc %r15", NEXT);

static const struct {
	uint32_t first, end;
	uint64_t allowed;	/* of them */
} msr_ranges[] = {
	{ 0, 0x2000, 3 },		/* SYSENTER_CS, _ESP, _EIP */
	{ 0x40000000, 0x40000100, 0 },
	{ 0xc0000000, 0xc0002000, 8 },	/* EFER, STAR to SFMASK, three bases */
	{ 0xc0010000, 0xc0012000, 0 },
	{ 0xfffffff0, 0xffffffff, 0 },
};

static void set_range(struct guest *guest, int i)
{
	guest->run->regs.r12 = msr_ranges[i].first;
	guest->run->regs.r13 = msr_ranges[i].end;
	guest->run->regs.r14 = 1;
}

TEST_F_TIMEOUT(hostile, reads_every_msr, 300)
{
	struct guest *guest = &self->guest;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(msr_ranges); i++) {
		BEGIN();
		emit(guest, &read_msrs);
		set_range(guest, i);
		EXPECT_EQ(DUNE_EXIT_SYSCALL, reason(guest));
		EXPECT_EQ(msr_ranges[i].allowed, guest->run->regs.r15)
			TH_LOG("MSRs from %#x", msr_ranges[i].first);
		EXPECT_EQ(msr_ranges[i].end - msr_ranges[i].first,
			  guest->run->regs.r8 + guest->run->regs.r15);
	}
	EXPECT_STILL_WORKS();
}

TEST_F_TIMEOUT(hostile, writes_every_msr, 300)
{
	struct guest *guest = &self->guest;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(msr_ranges); i++) {
		uint64_t writable = msr_ranges[i].allowed;

		/* EFER cannot be zero */
		if (msr_ranges[i].first == 0xc0000000)
			writable--;
		BEGIN();
		emit(guest, &write_msrs);
		set_range(guest, i);
		EXPECT_EQ(DUNE_EXIT_SYSCALL, reason(guest));
		EXPECT_EQ(writable, guest->run->regs.r15)
			TH_LOG("MSRs from %#x", msr_ranges[i].first);
		/* and what is neither an address nor small */
		BEGIN();
		emit(guest, &write_msrs);
		set_range(guest, i);
		guest->run->regs.rsi = 0x80000000;
		EXPECT_EQ(DUNE_EXIT_SYSCALL, reason(guest));
		EXPECT_LE(guest->run->regs.r15, writable);
	}
	EXPECT_STILL_WORKS();
}

CODE(in_al, "0: mov %r12d, %edx; in %dx, %al; inc %r15", NEXT);
CODE(in_eax, "0: mov %r12d, %edx; in %dx, %eax; inc %r15", NEXT);
CODE(out_al, "0: mov %r12d, %edx; out %al, %dx; inc %r15", NEXT);
CODE(out_ax, "0: mov %r12d, %edx; out %ax, %dx; inc %r15", NEXT);
CODE(string_in, "0: mov %r12d, %edx; mov %rsp, %rdi; mov $4, %ecx; rep insb;"
	"inc %r15", NEXT);
CODE(string_out, "0: mov %r12d, %edx; mov %rsp, %rsi; mov $4, %ecx; rep outsl;"
	"inc %r15", NEXT);

/* Which ports, and with what; R15 counts those that did not fault. */
static const struct {
	const struct guest_code *code;
	int from, to, step;
} ports[] = {
	/* timers, keyboard, clock */
	{ &in_al, 0, 0x100, 1 },
	{ &out_al, 0, 0x100, 1 },
	/* PCI, reset */
	{ &in_eax, 0xcf8, 0xd00, 1 },
	{ &out_ax, 0xcf8, 0xd00, 1 },
	/* all over the place */
	{ &in_al, 0, 0x10000, 251 },
	{ &out_al, 0, 0x10000, 251 },
	{ &out_ax, 3, 0x10000, 1021 },
	{ &in_eax, 1, 0x10000, 1021 },
	{ &string_in, 0, 0x10000, 4093 },
	{ &string_out, 0, 0x10000, 4093 },
};

TEST_F_TIMEOUT(hostile, tries_ports, 300)
{
	struct guest *guest = &self->guest;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(ports); i++) {
		BEGIN();
		emit(guest, ports[i].code);
		guest->run->regs.r12 = ports[i].from;
		guest->run->regs.r13 = ports[i].to;
		guest->run->regs.r14 = ports[i].step;
		/* IOPL 3 does not help either */
		guest->run->regs.rflags = 0x3202;
		EXPECT_EQ(DUNE_EXIT_SYSCALL, reason(guest));
		EXPECT_EQ(0, guest->run->regs.r15) TH_LOG("row %zu", i);
		EXPECT_LT(0, guest->run->regs.r8) TH_LOG("row %zu", i);
	}
	EXPECT_STILL_WORKS();
}

CODE(toggle_cr0, "mov %cr0, %rax; btc %rcx, %rax; mov %rax, %cr0", "");
CODE(toggle_cr3, "mov %cr3, %rax; btc %rcx, %rax; mov %rax, %cr3", "");
CODE(toggle_cr4, "mov %cr4, %rax; btc %rcx, %rax; mov %rax, %cr4", "");
CODE(toggle_dr6, "mov %dr6, %rax; btc %rcx, %rax; mov %rax, %dr6", "");
CODE(toggle_dr7, "mov %dr7, %rax; btc %rcx, %rax; mov %rax, %dr7", "");
CODE(toggle_efer, "mov %rcx, %rdi; mov $0xc0000080, %ecx; rdmsr;"
	"shl $32, %rdx; or %rdx, %rax; btc %rdi, %rax; mov %rax, %rdx;"
	"shr $32, %rdx; wrmsr", "");

TEST_F(hostile, toggles_every_control_bit)
{
	static const struct guest_code *const codes[] = {
		&toggle_cr0, &toggle_cr4, &toggle_dr6, &toggle_dr7,
		&toggle_efer,
	};
	struct guest *guest = &self->guest;
	size_t i;

	for (i = 0; i < 64 * ARRAY_SIZE(codes); i++) {
		BEGIN();
		emit(guest, codes[i / 64]);
		guest->run->regs.rcx = i % 64;
		EXPECT_EQ(DUNE_EXIT_SYSCALL, reason(guest))
			TH_LOG("row %zu, bit %zu", i / 64, i % 64);
	}
	EXPECT_STILL_WORKS();
}

TEST_F(hostile, toggles_every_bit_of_cr3)
{
	int bit, ret;

	for (bit = 0; bit < 64; bit++) {
		BEGIN();
		emit(&self->guest, &toggle_cr3);
		self->guest.run->regs.rcx = bit;
		ret = guest_run(&self->guest);
		EXPECT_TRUE(defined_outcome(&self->guest, ret))
			TH_LOG("bit %d: %d, reason %u", bit, ret,
			       self->guest.run->exit_reason);
	}
	EXPECT_STILL_WORKS();
}

/* A table that is its own entry, and one that is the code. */
TEST_F(hostile, page_tables_of_itself)
{
	struct guest *guest = &self->guest;
	struct dune_state state = self->state;
	uint64_t entry = guest_physical(guest, guest->tables[0]) |
			 GUEST_PRESENT | GUEST_WRITE, old[GUEST_ENTRIES];
	int i, ret;

	memcpy(old, guest->tables[0], sizeof(old));
	for (i = 0; i < GUEST_ENTRIES; i++)
		guest->tables[0][i] = entry;
	BEGIN();
	emit(guest, &nothing);
	ret = guest_run(guest);
	EXPECT_TRUE(defined_outcome(guest, ret));
	memcpy(guest->tables[0], old, sizeof(old));

	BEGIN();
	emit(guest, &nothing);
	state.cr3 = guest_physical(guest, guest->code);
	ASSERT_EQ(0, ioctl(guest->vcpu, DUNE_SET_STATE, &state));
	ret = guest_run(guest);
	EXPECT_TRUE(defined_outcome(guest, ret));
	EXPECT_STILL_WORKS();
}

TEST_F(hostile, wild_descriptor_tables)
{
	static const uint64_t bases[] = {
		0, 0x1000, 0x7ffffffff000, 0xffff800000000000,
		0xffffffff81000000, 0xfffffffffffffff8,
	};
	struct guest *guest = &self->guest;
	struct dune_state state;
	size_t i, table;

	for (i = 0; i < 3 * ARRAY_SIZE(bases); i++) {
		table = i / ARRAY_SIZE(bases);
		state = self->state;
		if (table == 0)
			state.idt.base = bases[i % ARRAY_SIZE(bases)];
		else if (table == 1)
			state.gdt.base = bases[i % ARRAY_SIZE(bases)];
		else
			state.tr.base = bases[i % ARRAY_SIZE(bases)];
		BEGIN();
		emit(guest, &undefined);
		ASSERT_EQ(0, ioctl(guest->vcpu, DUNE_SET_STATE, &state));
		EXPECT_EQ(DUNE_EXIT_SHUTDOWN, reason(guest))
			TH_LOG("table %zu at %#lx", table,
			       bases[i % ARRAY_SIZE(bases)]);
	}
	/* a table that is there, with nothing good in it */
	state = self->state;
	state.idt.base = (uint64_t)guest->code;
	BEGIN();
	emit(guest, &undefined);
	ASSERT_EQ(0, ioctl(guest->vcpu, DUNE_SET_STATE, &state));
	EXPECT_EQ(DUNE_EXIT_SHUTDOWN, reason(guest));
	EXPECT_STILL_WORKS();
}

CODE(load_wild_table, "push %rcx; pushq $-1; lidt 6(%rsp); ud2", "");

TEST_F(hostile, wild_table_by_lidt)
{
	struct guest *guest = &self->guest;

	BEGIN();
	emit(guest, &load_wild_table);
	guest->run->regs.rcx = 0xffff800000000000;
	EXPECT_EQ(DUNE_EXIT_SHUTDOWN, reason(guest));
	EXPECT_STILL_WORKS();
}

/* A handler of #DB that steps into itself, at the same place of the stack. */
CODE(step_again, ".byte 0xf1", "jmp step_again_start");
CODE(spin, "0: jmp 0b", "");

TEST_F(hostile, debug_exceptions_without_end)
{
	struct guest *guest = &self->guest;
	uint8_t *handler = self->area->handlers + 128;

	put_code(handler, &step_again);
	set_gate(&self->area->idt[VECTOR_DB], handler);
	BEGIN();
	emit(guest, &step_again);
	interrupt_every(100);
	EXPECT_EQ(-1, guest_run(guest));
	EXPECT_EQ(EINTR, errno);
	EXPECT_STILL_WORKS();
}

/* Delivering the exception is what raises the next. */
TEST_F(hostile, breakpoint_on_the_stack_of_its_handler)
{
	struct guest *guest = &self->guest;
	struct dune_state state = self->state;
	uint8_t *handler = self->area->handlers + 128;

	if (in_qemu())
		SKIP(return, "QEMU ends itself");
	put_code(handler, &spin);
	set_gate(&self->area->idt[VECTOR_DB], handler);
	BEGIN();
	emit(guest, &step_again);
	state.dr0 = self->area->tss.ist[0] - 8;
	state.dr1 = self->area->tss.ist[0] - 40;
	state.dr2 = (uint64_t)&self->area->idt[VECTOR_DB];
	state.dr3 = (uint64_t)handler;
	/* all on: writes of eight bytes, twice; accesses of four; execution */
	state.dr7 = 0x4ff | 0x9UL << 16 | 0x9UL << 20 | 0xfUL << 24;
	ASSERT_EQ(0, ioctl(guest->vcpu, DUNE_SET_STATE, &state));
	interrupt_every(100);
	EXPECT_EQ(-1, guest_run(guest));
	EXPECT_EQ(EINTR, errno);
	EXPECT_STILL_WORKS();
}

/* Ring 3 sees all that the guest has. */
static void open_to_ring_3(struct guest *guest)
{
	int table, i;

	for (table = 0; table < guest->used; table++)
		for (i = 0; i < GUEST_ENTRIES; i++)
			if (guest->tables[table][i] & GUEST_PRESENT)
				guest->tables[table][i] |= GUEST_USER;
}

CODE(unaligned, "0: mov 1(%rsp), %rax; jmp 0b", "");

/* The handler of #AC in ring 3, which is unaligned itself. */
TEST_F(hostile, alignment_checks_without_end)
{
	struct guest *guest = &self->guest;
	struct dune_state state = self->state;
	struct gate *gate = &self->area->idt[VECTOR_AC];
	uint8_t *handler = self->area->handlers + 128;

	open_to_ring_3(guest);
	put_code(handler, &unaligned);
	set_gate(gate, handler);
	gate->selector = USER_CODE;
	gate->type = 0xee;
	BEGIN();
	emit(guest, &unaligned);
	state.cs.selector = USER_CODE;
	state.cs.attributes |= 0x60;
	state.ss.selector = USER_DATA;
	state.ss.attributes |= 0x60;
	ASSERT_EQ(0, ioctl(guest->vcpu, DUNE_SET_STATE, &state));
	guest->run->regs.rflags = 0x40202;
	interrupt_every(100);
	EXPECT_EQ(-1, guest_run(guest));
	EXPECT_EQ(EINTR, errno);
	EXPECT_STILL_WORKS();
}

CODE(overwrite, "mov $1000, %edx; mov $0xff, %al;"
	"0: mov $0x1000, %ecx; rep stosb; sub $0x1000, %rdi; dec %edx; jnz 0b", "");

/*
 * The run page is memory of the process like any other. When the guest comes
 * out on the way, what it wrote there is a request, and refused.
 */
TEST_F(hostile, writes_its_own_run_page)
{
	struct guest *guest = &self->guest;
	int ret;

	guest_map(guest, guest->run);
	BEGIN();
	emit(guest, &overwrite);
	guest->run->regs.rdi = (uint64_t)guest->run;
	ret = ioctl(guest->vcpu, DUNE_RUN);
	while (!ret && guest->run->exit_reason == DUNE_EXIT_RESUME) {
		if (guest->run->flags) {
			EXPECT_EQ(-1, ioctl(guest->vcpu, DUNE_RUN));
			EXPECT_EQ(EINVAL, errno);
			guest->run->flags = 0;
		}
		if (guest->run->cpu) {
			EXPECT_EQ(-1, ioctl(guest->vcpu, DUNE_RUN));
			EXPECT_EQ(EINVAL, errno);
			guest->run->cpu = 0;
		}
		ret = ioctl(guest->vcpu, DUNE_RUN);
	}
	EXPECT_EQ(0, ret);
	EXPECT_EQ(DUNE_EXIT_SYSCALL, guest->run->exit_reason);
	EXPECT_EQ((uint64_t)guest->run, guest->run->regs.rdi);
	EXPECT_STILL_WORKS();
}

TEST_HARNESS_MAIN
