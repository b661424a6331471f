// SPDX-License-Identifier: GPL-2.0-only
/* The state of a virtual CPU, and the windows it sees memory through. */
#include "kselftest_harness.h"

#include <stddef.h>

#include "guest.h"
#include "need_dune.h"

FIXTURE(state) {
	struct guest guest;
	struct dune_state state;
};

FIXTURE_SETUP(state)
{
	ASSERT_EQ(0, guest_create(&self->guest));
	ASSERT_EQ(0, ioctl(self->guest.vcpu, DUNE_GET_STATE, &self->state));
}

FIXTURE_TEARDOWN(state)
{
	guest_destroy(&self->guest);
}

#define EXPECT_REFUSED() do {						\
	EXPECT_EQ(-1, ioctl(self->guest.vcpu, DUNE_SET_STATE, &state));	\
	EXPECT_EQ(EINVAL, errno);					\
} while (0)

TEST_F(state, comes_back_as_it_was_set)
{
	struct dune_state state = self->state, again;

	state.fs.base = 0x123456789000;
	state.gs.base = 0xffffffff80000000;
	state.gdt.base = 0x1000;
	state.gdt.limit = 0x7f;
	state.idt.base = 0x2000;
	state.idt.limit = 0x1ff;
	state.cr2 = 0x3000;
	state.star = 0x0008000000000000;
	state.lstar = 0x7fff00001000;
	state.sfmask = 0x200;
	state.kernel_gs_base = 0x4000;
	state.sysenter_esp = 0x5000;
	ASSERT_EQ(0, ioctl(self->guest.vcpu, DUNE_SET_STATE, &state));
	memset(&again, 0xff, sizeof(again));
	ASSERT_EQ(0, ioctl(self->guest.vcpu, DUNE_GET_STATE, &again));
	EXPECT_EQ(0, memcmp(&state, &again, sizeof(state)));
}

/* Whatever it had: the CPU may not define what is left of that. */
TEST_F(state, is_a_new_one_s_after_a_shutdown)
{
	struct guest *guest = &self->guest;
	struct dune_state state = self->state, after;

	state.fs.base = 0x123456789000;
	state.ds.selector = 0x20;
	state.cr2 = 0x3000;
	state.lstar = 0x7fff00001000;
	state.dr0 = 0x4000;
	state.cr4 |= 4;					/* CR4.TSD */
	ASSERT_EQ(0, ioctl(guest->vcpu, DUNE_SET_STATE, &state));
	guest_emit(guest, "\x0f\x0b", 2);		/* ud2 */
	ASSERT_EQ(0, guest_run(guest));
	ASSERT_EQ(DUNE_EXIT_SHUTDOWN, guest->run->exit_reason);
	memset(&after, 0xff, sizeof(after));
	ASSERT_EQ(0, ioctl(guest->vcpu, DUNE_GET_STATE, &after));
	state = self->state;
	state.cr3 = 0;
	EXPECT_EQ(0, memcmp(&state, &after, sizeof(state)));

	/* and it can be used as a new one */
	ASSERT_EQ(0, ioctl(guest->vcpu, DUNE_SET_STATE, &self->state));
	guest_reset_code(guest);
	guest_emit_hypercall(guest);
	ASSERT_EQ(0, guest_run(guest));
	EXPECT_EQ(DUNE_EXIT_SYSCALL, guest->run->exit_reason);
}

TEST_F(state, control_bits_outside_the_allowed_set_are_refused)
{
	struct dune_state state;
	int bit;

	/* bits that a guest may change, or that its CPU may have */
	const uint64_t cr0 = 0x5000a, cr4 = 0x77088f;

	for (bit = 0; bit < 64; bit++) {
		state = self->state;
		state.cr0 ^= 1UL << bit;
		if (!(cr0 & 1UL << bit))
			EXPECT_REFUSED();
		state = self->state;
		state.cr4 ^= 1UL << bit;
		if (!(cr4 & 1UL << bit))
			EXPECT_REFUSED();
		state = self->state;
		state.efer ^= 1UL << bit;
		if (bit)
			EXPECT_REFUSED();
	}
}

TEST_F(state, addresses_must_be_canonical)
{
	static const size_t fields[] = {
		offsetof(struct dune_state, lstar),
		offsetof(struct dune_state, cstar),
		offsetof(struct dune_state, kernel_gs_base),
		offsetof(struct dune_state, sysenter_esp),
		offsetof(struct dune_state, sysenter_eip),
		offsetof(struct dune_state, fs.base),
		offsetof(struct dune_state, gs.base),
		offsetof(struct dune_state, tr.base),
		offsetof(struct dune_state, gdt.base),
		offsetof(struct dune_state, idt.base),
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(fields); i++) {
		struct dune_state state = self->state;

		*(uint64_t *)((char *)&state + fields[i]) = 1UL << 47;
		EXPECT_REFUSED();
	}
}

TEST_F(state, reserved_fields_must_be_zero)
{
	struct dune_state state = self->state;
	size_t i;

	for (i = 0; i < sizeof(state.reserved); i++) {
		state = self->state;
		((char *)state.reserved)[i] = 1;
		EXPECT_REFUSED();
	}
	state = self->state;
	state.cs.reserved[2] = 1;
	EXPECT_REFUSED();
	state = self->state;
	state.idt.reserved[0] = 1;
	EXPECT_REFUSED();
}

TEST_F(state, bad_addresses_fault)
{
	EXPECT_EQ(-1, ioctl(self->guest.vcpu, DUNE_GET_STATE, NULL));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-1, ioctl(self->guest.vcpu, DUNE_SET_STATE, NULL));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-1, ioctl(self->guest.vcpu, DUNE_GET_WINDOW, NULL));
	EXPECT_EQ(EFAULT, errno);
}

TEST_F(state, a_window_stays_where_it_is)
{
	struct guest *guest = &self->guest;
	uint64_t one = guest_physical(guest, (void *)0x20000000000);
	uint64_t two = guest_physical(guest, (void *)0x30000000000);

	EXPECT_NE(one, two);
	EXPECT_EQ(one, guest_physical(guest, (void *)0x20000000000));
	EXPECT_EQ(one + 4096, guest_physical(guest, (void *)0x20000001000));
	EXPECT_LT(two, 1UL << guest->info.guest_phys_bits);
}

TEST_F(state, a_window_beyond_the_process_is_refused)
{
	struct dune_window window = { .address = 1UL << 47 };

	EXPECT_EQ(-1, ioctl(self->guest.vcpu, DUNE_GET_WINDOW, &window));
	EXPECT_EQ(EINVAL, errno);
	window = (struct dune_window){ .flags = 1 };
	EXPECT_EQ(-1, ioctl(self->guest.vcpu, DUNE_GET_WINDOW, &window));
	EXPECT_EQ(EINVAL, errno);
	window = (struct dune_window){ .reserved = 1 };
	EXPECT_EQ(-1, ioctl(self->guest.vcpu, DUNE_GET_WINDOW, &window));
	EXPECT_EQ(EINVAL, errno);
}

TEST_F(state, a_flush_of_nonsense_is_refused)
{
	static const struct dune_flush tries[] = {
		{ .flags = 1 },
		{ .reserved = { 1 } },
		{ .reserved = { 0, 0, 1 } },
		{ .address = 4096, .size = -4095UL },
	};
	struct dune_flush flush = { .address = -4096UL, .size = 4095 };
	unsigned int i;

	EXPECT_EQ(0, ioctl(self->guest.vcpu, DUNE_FLUSH, &flush));
	for (i = 0; i < ARRAY_SIZE(tries); i++) {
		EXPECT_EQ(-1, ioctl(self->guest.vcpu, DUNE_FLUSH, &tries[i]));
		EXPECT_EQ(EINVAL, errno);
	}
}

TEST_F(state, windows_run_out_with_enospc)
{
	uint64_t count = 1UL << (self->guest.info.guest_phys_bits -
				 DUNE_WINDOW_SHIFT);
	struct dune_window window = { 0 };
	uint64_t i;

	if (self->guest.info.guest_phys_bits >= 47)
		SKIP(return, "guest-physical memory is as wide as the process");
	for (i = 0; i <= count; i++) {
		window.address = i << DUNE_WINDOW_SHIFT;
		if (ioctl(self->guest.vcpu, DUNE_GET_WINDOW, &window))
			break;
	}
	EXPECT_EQ(ENOSPC, errno);
	EXPECT_LE(i, count);
}

TEST_HARNESS_MAIN
