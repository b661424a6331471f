// SPDX-License-Identifier: GPL-2.0-only
/* Which AMD CPUs are refused, and what is told of the others. */
#include <kunit/test.h>
#include <asm/svm.h>
#include <uapi/linux/dune.h>

#include "../arch/svm/capability.h"

static const struct svm_capability full = {
	.present = true,
	.asids = 32768,
	.features = ~0U,
	.gigabyte_pages = true,
	.phys_bits = 48,
};

static int check(struct svm_capability cap, struct dune_caps *caps,
		 const char **why)
{
	return svm_check_capability(&cap, caps, why);
}

static void a_full_cpu_is_taken(struct kunit *test)
{
	struct dune_caps caps = {};
	const char *why = NULL;

	KUNIT_ASSERT_EQ(test, 0, check(full, &caps, &why));
	KUNIT_EXPECT_EQ(test, caps.features,
			DUNE_FEATURE_NESTED_AD | DUNE_FEATURE_TAGGED_TLB);
	KUNIT_EXPECT_EQ(test, caps.nested_page_sizes,
			BIT_ULL(12) | BIT_ULL(21) | BIT_ULL(30));
	KUNIT_EXPECT_EQ(test, caps.guest_phys_bits, 48U);
	KUNIT_EXPECT_EQ(test, caps.tlb_tags, 32767U);
	KUNIT_EXPECT_NULL(test, why);
}

static void an_old_cpu_is_taken_for_what_it_has(struct kunit *test)
{
	struct svm_capability cap = full;
	struct dune_caps caps = {};
	const char *why;

	cap.features = SVM_FEATURE_NESTED_PAGING;
	cap.gigabyte_pages = false;
	cap.asids = 2;
	cap.phys_bits = 40;
	KUNIT_ASSERT_EQ(test, 0, check(cap, &caps, &why));
	KUNIT_EXPECT_EQ(test, caps.nested_page_sizes,
			BIT_ULL(12) | BIT_ULL(21));
	KUNIT_EXPECT_EQ(test, caps.guest_phys_bits, 40U);
	KUNIT_EXPECT_EQ(test, caps.tlb_tags, 1U);
}

static void firmware_can_disable_it(struct kunit *test)
{
	struct svm_capability cap = full;
	struct dune_caps caps = {};
	const char *why = "";

	cap.vm_cr = SVM_VM_CR_SVM_DIS_MASK;
	KUNIT_EXPECT_EQ(test, -EPERM, check(cap, &caps, &why));
	KUNIT_EXPECT_TRUE(test, strstr(why, "firmware"));
	/* The lock alone disables nothing. */
	cap.vm_cr = SVM_VM_CR_SVM_LOCK_MASK;
	KUNIT_EXPECT_EQ(test, 0, check(cap, &caps, &why));
}

static void nested_paging_is_needed(struct kunit *test)
{
	struct svm_capability cap = full;
	struct dune_caps caps = {};
	const char *why = "";

	cap.features &= ~SVM_FEATURE_NESTED_PAGING;
	KUNIT_EXPECT_EQ(test, -EOPNOTSUPP, check(cap, &caps, &why));
	KUNIT_EXPECT_TRUE(test, strstr(why, "nested paging"));
}

static void an_asid_for_a_guest_is_needed(struct kunit *test)
{
	struct svm_capability cap = full;
	struct dune_caps caps = {};
	const char *why = "";

	cap.asids = 1;
	KUNIT_EXPECT_EQ(test, -EOPNOTSUPP, check(cap, &caps, &why));
	KUNIT_EXPECT_TRUE(test, strstr(why, "identifier"));
}

static void encrypted_memory_is_not_for_us(struct kunit *test)
{
	struct svm_capability cap = full;
	struct dune_caps caps = {};
	const char *why = "";

	cap.encrypted = true;
	KUNIT_EXPECT_EQ(test, -EOPNOTSUPP, check(cap, &caps, &why));
	KUNIT_EXPECT_TRUE(test, strstr(why, "SME"));
}

static void another_vendors_cpu_is_left_to_others(struct kunit *test)
{
	struct svm_capability cap = full;
	struct dune_caps caps = {};
	const char *why = NULL;

	cap.present = false;
	KUNIT_EXPECT_EQ(test, -ENODEV, check(cap, &caps, &why));
	KUNIT_EXPECT_NULL(test, why);
}

static struct kunit_case svm_capability_cases[] = {
	KUNIT_CASE(a_full_cpu_is_taken),
	KUNIT_CASE(an_old_cpu_is_taken_for_what_it_has),
	KUNIT_CASE(firmware_can_disable_it),
	KUNIT_CASE(nested_paging_is_needed),
	KUNIT_CASE(an_asid_for_a_guest_is_needed),
	KUNIT_CASE(encrypted_memory_is_not_for_us),
	KUNIT_CASE(another_vendors_cpu_is_left_to_others),
	{}
};

static struct kunit_suite svm_capability_suite = {
	.name = "dune_svm_capability",
	.test_cases = svm_capability_cases,
};

kunit_test_suite(svm_capability_suite);
