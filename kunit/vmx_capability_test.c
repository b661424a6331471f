// SPDX-License-Identifier: GPL-2.0-only
/* Which Intel CPUs are refused, and what is told of the others. */
#include <kunit/test.h>
#include <asm/msr-index.h>
#include <asm/vmx.h>
#include <uapi/linux/dune.h>

#include "../arch/vmx/capability.h"

#define MAY(bits)	((u64)(bits) << 32)
#define ALL_CONTROLS	MAY(0xffffffff)

/* A current server CPU with everything. */
static const struct vmx_capability full = {
	.present = true,
	.feature_control = FEAT_CTL_LOCKED | FEAT_CTL_VMX_ENABLED_OUTSIDE_SMX,
	.basic = VMX_BASIC_TRUE_CONTROLS,
	.pin = ALL_CONTROLS,
	.cpu = ALL_CONTROLS,
	.cpu2 = ALL_CONTROLS,
	.exit = ALL_CONTROLS,
	.entry = ALL_CONTROLS,
	.ept_vpid = ~0ULL,
	.phys_bits = 46,
};

static void a_full_cpu_is_taken(struct kunit *test)
{
	struct dune_caps caps = {};
	const char *why = NULL;

	KUNIT_ASSERT_EQ(test, 0, vmx_check_capability(&full, &caps, &why));
	KUNIT_EXPECT_EQ(test, caps.features,
			DUNE_FEATURE_NESTED_AD | DUNE_FEATURE_TAGGED_TLB);
	KUNIT_EXPECT_EQ(test, caps.nested_page_sizes,
			BIT_ULL(12) | BIT_ULL(21) | BIT_ULL(30));
	KUNIT_EXPECT_EQ(test, caps.guest_phys_bits, 46U);
	KUNIT_EXPECT_EQ(test, caps.tlb_tags, 65535U);
	KUNIT_EXPECT_NULL(test, why);
}

static void an_old_cpu_is_taken_for_what_it_has(struct kunit *test)
{
	struct vmx_capability cap = full;
	struct dune_caps caps = {};
	const char *why;

	cap.cpu2 = MAY(SECONDARY_EXEC_ENABLE_EPT);
	cap.ept_vpid &= ~(VMX_EPT_AD_BIT | VMX_EPT_1GB_PAGE_BIT |
			  VMX_EPT_2MB_PAGE_BIT);
	KUNIT_ASSERT_EQ(test, 0, vmx_check_capability(&cap, &caps, &why));
	KUNIT_EXPECT_EQ(test, caps.features, 0ULL);
	KUNIT_EXPECT_EQ(test, caps.nested_page_sizes, BIT_ULL(12));
	KUNIT_EXPECT_EQ(test, caps.tlb_tags, 1U);
}

static void an_address_has_no_more_bits_than_the_walk(struct kunit *test)
{
	struct vmx_capability cap = full;
	struct dune_caps caps = {};
	const char *why;

	cap.phys_bits = 52;
	KUNIT_ASSERT_EQ(test, 0, vmx_check_capability(&cap, &caps, &why));
	KUNIT_EXPECT_EQ(test, caps.guest_phys_bits, 48U);
}

struct refusal {
	const char *name;
	size_t offset;
	u64 cleared;
	int err;
	const char *says;
};

#define CLEAR(field, bits, err, says)					\
	{ #field " without " #bits,					\
	  offsetof(struct vmx_capability, field), bits, err, says }

static const struct refusal refusals[] = {
	CLEAR(feature_control, FEAT_CTL_LOCKED, -EPERM, "firmware"),
	CLEAR(feature_control, FEAT_CTL_VMX_ENABLED_OUTSIDE_SMX, -EPERM,
	      "firmware"),
	CLEAR(basic, VMX_BASIC_TRUE_CONTROLS, -EOPNOTSUPP, "TRUE"),
	CLEAR(pin, MAY(PIN_BASED_VIRTUAL_NMIS), -EOPNOTSUPP, "NMI"),
	CLEAR(cpu, MAY(CPU_BASED_UNCOND_IO_EXITING), -EOPNOTSUPP, "control"),
	CLEAR(cpu, MAY(CPU_BASED_USE_MSR_BITMAPS), -EOPNOTSUPP, "control"),
	CLEAR(cpu, MAY(CPU_BASED_ACTIVATE_SECONDARY_CONTROLS), -EOPNOTSUPP,
	      "control"),
	CLEAR(cpu2, MAY(SECONDARY_EXEC_ENABLE_EPT), -EOPNOTSUPP, "EPT"),
	CLEAR(ept_vpid, VMX_EPT_PAGE_WALK_4_BIT, -EOPNOTSUPP, "4-level"),
	CLEAR(ept_vpid, VMX_EPTP_WB_BIT, -EOPNOTSUPP, "write-back"),
	CLEAR(ept_vpid, VMX_EPT_INVEPT_BIT, -EOPNOTSUPP, "INVEPT"),
	CLEAR(ept_vpid, VMX_EPT_EXTENT_GLOBAL_BIT, -EOPNOTSUPP, "INVEPT"),
	CLEAR(exit, MAY(VM_EXIT_LOAD_IA32_EFER), -EOPNOTSUPP, "EFER"),
	CLEAR(entry, MAY(VM_ENTRY_LOAD_IA32_PAT), -EOPNOTSUPP, "PAT"),
};

static void refusal_name(const struct refusal *refusal, char *desc)
{
	strscpy(desc, refusal->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(refusal, refusals, refusal_name);

static void a_cpu_without_it_is_refused(struct kunit *test)
{
	const struct refusal *refusal = test->param_value;
	struct vmx_capability cap = full;
	struct dune_caps caps = {};
	const char *why = "";

	*(u64 *)((char *)&cap + refusal->offset) &= ~refusal->cleared;
	KUNIT_EXPECT_EQ(test, refusal->err,
			vmx_check_capability(&cap, &caps, &why));
	KUNIT_EXPECT_TRUE_MSG(test, strstr(why, refusal->says), "%s", why);
}

static void another_vendors_cpu_is_left_to_others(struct kunit *test)
{
	struct vmx_capability cap = full;
	struct dune_caps caps = {};
	const char *why = NULL;

	cap.present = false;
	KUNIT_EXPECT_EQ(test, -ENODEV, vmx_check_capability(&cap, &caps, &why));
	KUNIT_EXPECT_NULL(test, why);
}

static struct kunit_case vmx_capability_cases[] = {
	KUNIT_CASE(a_full_cpu_is_taken),
	KUNIT_CASE(an_old_cpu_is_taken_for_what_it_has),
	KUNIT_CASE(an_address_has_no_more_bits_than_the_walk),
	KUNIT_CASE_PARAM(a_cpu_without_it_is_refused, refusal_gen_params),
	KUNIT_CASE(another_vendors_cpu_is_left_to_others),
	{}
};

static struct kunit_suite vmx_capability_suite = {
	.name = "dune_vmx_capability",
	.test_cases = vmx_capability_cases,
};

kunit_test_suite(vmx_capability_suite);
