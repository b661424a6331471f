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

static struct dune_cpuid filtered(u32 leaf, u32 subleaf)
{
	struct dune_cpuid answer = { ~0U, ~0U, ~0U, ~0U };

	dune_cpuid_filter(leaf, subleaf, &answer);
	return answer;
}

static void cpuid_hides_virtualization(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, 0U, filtered(1, 0).ecx & BIT(5));
	KUNIT_EXPECT_NE(test, 0U, filtered(1, 0).ecx & BIT(0));
	KUNIT_EXPECT_EQ(test, 0U, filtered(0x80000001, 0).ecx & BIT(2));
	KUNIT_EXPECT_EQ(test, 0U, filtered(0x8000000a, 0).edx);
}

static void cpuid_hides_by_subleaf(struct kunit *test)
{
	/* FSGSBASE is in subleaf 0, FRED in subleaf 1 */
	KUNIT_EXPECT_NE(test, 0U, filtered(7, 0).ebx & BIT(0));
	KUNIT_EXPECT_EQ(test, 0U, filtered(7, 0).ecx & BIT(16));
	KUNIT_EXPECT_NE(test, 0U, filtered(7, 1).ecx & BIT(16));
	KUNIT_EXPECT_EQ(test, 0U, filtered(7, 1).eax & BIT(17));
	/* all of the processor trace, whatever the subleaf */
	KUNIT_EXPECT_EQ(test, 0U, filtered(0x14, 1).ebx);
	/* nothing of what is not named */
	KUNIT_EXPECT_EQ(test, ~0U, filtered(2, 0).eax);
}

static void debug_registers_keep_their_fixed_bits(struct kunit *test)
{
	struct dune_state state;
	unsigned int bit;

	for (bit = 0; bit < 64; bit++) {
		dune_state_default(&state);
		state.dr6 ^= BIT_ULL(bit);
		KUNIT_EXPECT_EQ(test, DUNE_DR6_FREE & BIT_ULL(bit) ? 0 : -EINVAL,
				dune_state_check(&state));
		dune_state_default(&state);
		state.dr7 ^= BIT_ULL(bit);
		KUNIT_EXPECT_EQ(test, DUNE_DR7_FREE & BIT_ULL(bit) ? 0 : -EINVAL,
				dune_state_check(&state));
	}
}

static void xcr0_is_part_of_the_host_s(struct kunit *test)
{
	struct dune_state state;

	dune_state_default(&state);
	state.xcr0 = ~0ULL;
	KUNIT_EXPECT_EQ(test, -EINVAL, dune_state_check(&state));
	if (!dune_host_xcr0())
		return;
	state.xcr0 = 1;
	KUNIT_EXPECT_EQ(test, 0, dune_state_check(&state));
	/* without x87; AVX without SSE */
	state.xcr0 = 2;
	KUNIT_EXPECT_EQ(test, -EINVAL, dune_state_check(&state));
	state.xcr0 = 5;
	KUNIT_EXPECT_EQ(test, -EINVAL, dune_state_check(&state));
}

static struct kunit_case state_cases[] = {
	KUNIT_CASE(the_default_is_allowed),
	KUNIT_CASE(every_fixed_bit_is_needed),
	KUNIT_CASE(dangerous_bits_are_refused),
	KUNIT_CASE(addresses_must_be_canonical),
	KUNIT_CASE(cpuid_hides_virtualization),
	KUNIT_CASE(cpuid_hides_by_subleaf),
	KUNIT_CASE(debug_registers_keep_their_fixed_bits),
	KUNIT_CASE(xcr0_is_part_of_the_host_s),
	{}
};

static struct kunit_suite state_suite = {
	.name = "dune_state",
	.test_cases = state_cases,
};

kunit_test_suite(state_suite);
