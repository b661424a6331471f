// SPDX-License-Identifier: GPL-2.0-only
/* What user space may put into a virtual CPU, and what CPUID tells it. */
#include <kunit/test.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>

#include "../core/vcpu.h"

static void the_default_is_allowed(struct kunit *test)
{
	struct dune_state state;

	dune_state_default(&state);
	KUNIT_EXPECT_EQ(test, 0, dune_state_check(&state));
}

static void every_fixed_bit_is_needed(struct kunit *test)
{
	static const u64 cr0[] = { X86_CR0_PG, X86_CR0_PE, X86_CR0_NE };
	struct dune_state state;
	int i;

	for (i = 0; i < ARRAY_SIZE(cr0); i++) {
		dune_state_default(&state);
		state.cr0 &= ~cr0[i];
		KUNIT_EXPECT_EQ(test, -EINVAL, dune_state_check(&state));
	}
	dune_state_default(&state);
	state.cr4 &= ~X86_CR4_PAE;
	KUNIT_EXPECT_EQ(test, -EINVAL, dune_state_check(&state));
	dune_state_default(&state);
	state.efer &= ~EFER_LME;
	KUNIT_EXPECT_EQ(test, -EINVAL, dune_state_check(&state));
}

static void dangerous_bits_are_refused(struct kunit *test)
{
	struct dune_state state;

	dune_state_default(&state);
	state.cr0 |= X86_CR0_CD;
	KUNIT_EXPECT_EQ(test, -EINVAL, dune_state_check(&state));
	dune_state_default(&state);
	state.cr4 |= X86_CR4_VMXE;
	KUNIT_EXPECT_EQ(test, -EINVAL, dune_state_check(&state));
	dune_state_default(&state);
	state.cr4 |= X86_CR4_LA57;
	KUNIT_EXPECT_EQ(test, -EINVAL, dune_state_check(&state));
	dune_state_default(&state);
	state.efer |= EFER_SVME;
	KUNIT_EXPECT_EQ(test, -EINVAL, dune_state_check(&state));
}

static void addresses_must_be_canonical(struct kunit *test)
{
	struct dune_state state;

	dune_state_default(&state);
	state.lstar = 1ULL << 47;
	KUNIT_EXPECT_EQ(test, -EINVAL, dune_state_check(&state));
	state.lstar = ~0ULL << 47;
	KUNIT_EXPECT_EQ(test, 0, dune_state_check(&state));
}

static void cpuid_hides_virtualization(struct kunit *test)
{
	u32 ebx = ~0U, ecx = ~0U, edx = ~0U;

	dune_cpuid_filter(1, &ebx, &ecx, &edx);
	KUNIT_EXPECT_EQ(test, 0U, ecx & BIT(5));
	KUNIT_EXPECT_NE(test, 0U, ecx & BIT(0));
	dune_cpuid_filter(0x80000001, &ebx, &ecx, &edx);
	KUNIT_EXPECT_EQ(test, 0U, ecx & BIT(2));
	dune_cpuid_filter(0x8000000a, &ebx, &ecx, &edx);
	KUNIT_EXPECT_EQ(test, 0U, edx);
}

static struct kunit_case state_cases[] = {
	KUNIT_CASE(the_default_is_allowed),
	KUNIT_CASE(every_fixed_bit_is_needed),
	KUNIT_CASE(dangerous_bits_are_refused),
	KUNIT_CASE(addresses_must_be_canonical),
	KUNIT_CASE(cpuid_hides_virtualization),
	{}
};

static struct kunit_suite state_suite = {
	.name = "dune_state",
	.test_cases = state_cases,
};

kunit_test_suite(state_suite);
