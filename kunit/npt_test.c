// SPDX-License-Identifier: GPL-2.0-only
/* The nested page table, in both spellings. */
#include <kunit/test.h>

#include "../core/npt.h"
#include "npt_formats.h"

#define KIB		BIT_ULL(10)
#define MIB		BIT_ULL(20)
#define GIB		BIT_ULL(30)
#define ADDRESS_MASK	GENMASK_ULL(51, 12)

struct context {
	struct dune_npt npt;
	struct dune_npt_cache cache;
};

static const struct npt_format {
	const char *name;
	const struct dune_npt_format *format;
} formats[] = {
#if IS_ENABLED(CONFIG_DUNE_VMX)
	{ "EPT", &vmx_ept_format },
#endif
#if IS_ENABLED(CONFIG_DUNE_SVM)
	{ "NPT", &svm_npt_format },
#endif
};

static void format_name(const struct npt_format *format, char *desc)
{
	strscpy(desc, format->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(format, formats, format_name);

static struct context *make(struct kunit *test)
{
	const struct npt_format *param = test->param_value;
	struct context *context = kunit_kzalloc(test, sizeof(*context),
						GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, context);
	KUNIT_ASSERT_EQ(test, 0, dune_npt_init(&context->npt, param->format));
	test->priv = context;
	return context;
}

static void npt_exit(struct kunit *test)
{
	struct context *context = test->priv;

	if (!context)
		return;
	dune_npt_cache_drain(&context->cache);
	dune_npt_destroy(&context->npt);
	KUNIT_EXPECT_EQ(test, 0UL, context->npt.tables);
	KUNIT_EXPECT_TRUE(test, list_empty(&context->npt.retired));
}

static bool map(struct kunit *test, struct context *context, u64 gpa,
		struct dune_mapping mapping)
{
	KUNIT_ASSERT_EQ(test, 0, dune_npt_cache_fill(&context->cache));
	return dune_npt_map(&context->npt, &context->cache, gpa, &mapping);
}

static struct dune_mapping page(u64 pfn, enum dune_level level)
{
	return (struct dune_mapping) {
		.pfn = pfn, .level = level, .write = true, .exec = true,
	};
}

/* What the address leads to, 0 if nowhere. */
static u64 target(struct context *context, u64 gpa)
{
	enum dune_level level;
	u64 entry = dune_npt_lookup(&context->npt, gpa, &level);

	return entry ? (entry & ADDRESS_MASK & ~(dune_level_size(level) - 1)) +
		       (gpa & (dune_level_size(level) - 1)) : 0;
}

static void an_empty_table_maps_nothing(struct kunit *test)
{
	struct context *context = make(test);
	u64 gpa;

	for (gpa = 0; gpa < 1ULL << 48; gpa = gpa * 3 + 4096)
		KUNIT_EXPECT_EQ(test, 0ULL, target(context, gpa));
	KUNIT_EXPECT_EQ(test, 1UL, context->npt.tables);
}

static void pages_of_every_size_are_found(struct kunit *test)
{
	struct context *context = make(test);

	KUNIT_EXPECT_FALSE(test, map(test, context, 5 * GIB,
				     page(0x40000, DUNE_LEVEL_1G)));
	KUNIT_EXPECT_FALSE(test, map(test, context, 2 * GIB + 4 * MIB,
				     page(0x200, DUNE_LEVEL_2M)));
	KUNIT_EXPECT_FALSE(test, map(test, context, 8 * KIB,
				     page(0x123, DUNE_LEVEL_4K)));
	KUNIT_EXPECT_EQ(test, 0x40000000ULL + 77, target(context, 5 * GIB + 77));
	KUNIT_EXPECT_EQ(test, 0x200000ULL + 99,
			target(context, 2 * GIB + 4 * MIB + 99));
	KUNIT_EXPECT_EQ(test, 0x123000ULL, target(context, 8 * KIB));
	KUNIT_EXPECT_EQ(test, 0ULL, target(context, 12 * KIB));
	KUNIT_EXPECT_EQ(test, 0ULL, target(context, 4 * KIB));
	KUNIT_EXPECT_EQ(test, 0ULL, target(context, 6 * GIB));
}

static void the_last_address_is_like_any_other(struct kunit *test)
{
	struct context *context = make(test);
	u64 last = (1ULL << 48) - 4096;

	map(test, context, last, page(0x777, DUNE_LEVEL_4K));
	KUNIT_EXPECT_EQ(test, 0x777000ULL, target(context, last));
	KUNIT_EXPECT_TRUE(test, dune_npt_zap(&context->npt, last, last + 4096));
	KUNIT_EXPECT_EQ(test, 0ULL, target(context, last));
}

static void rights_are_no_wider_than_asked(struct kunit *test)
{
	const struct npt_format *param = test->param_value;
	const struct dune_npt_format *format = param->format;
	struct context *context = make(test);
	unsigned int rights;

	for (rights = 0; rights < 4; rights++) {
		struct dune_mapping mapping = page(1, DUNE_LEVEL_4K);
		u64 gpa = rights * 4096, entry;
		enum dune_level level;

		mapping.write = rights & 1;
		mapping.exec = rights & 2;
		map(test, context, gpa, mapping);
		entry = dune_npt_lookup(&context->npt, gpa, &level);
		KUNIT_EXPECT_EQ(test, entry & format->read, format->read);
		KUNIT_EXPECT_EQ(test, !!(entry & format->write),
				!!mapping.write);
		if (format->exec)
			KUNIT_EXPECT_EQ(test, !!(entry & format->exec),
					!!mapping.exec);
		if (format->no_exec)
			KUNIT_EXPECT_EQ(test, !!(entry & format->no_exec),
					!mapping.exec);
	}
}

static void device_memory_has_its_own_type(struct kunit *test)
{
	const struct npt_format *param = test->param_value;
	const struct dune_npt_format *format = param->format;
	struct context *context = make(test);
	struct dune_mapping mapping = page(1, DUNE_LEVEL_4K);
	u64 type = format->uncached ^ format->writeback;
	enum dune_level level;
	u64 entry;

	KUNIT_EXPECT_NE(test, 0ULL, type);
	map(test, context, 0, mapping);
	entry = dune_npt_lookup(&context->npt, 0, &level);
	KUNIT_EXPECT_EQ(test, entry & type, format->writeback & type);
	mapping.uncached = true;
	map(test, context, 4096, mapping);
	entry = dune_npt_lookup(&context->npt, 4096, &level);
	KUNIT_EXPECT_EQ(test, entry & type, format->uncached & type);
}

static void changing_an_entry_asks_for_a_flush(struct kunit *test)
{
	struct context *context = make(test);
	struct dune_mapping mapping = page(5, DUNE_LEVEL_4K);

	mapping.write = false;
	KUNIT_EXPECT_FALSE(test, map(test, context, 0, mapping));
	mapping.write = true;
	KUNIT_EXPECT_TRUE(test, map(test, context, 0, mapping));
}

static void small_pages_stay_under_a_large_one(struct kunit *test)
{
	struct context *context = make(test);

	map(test, context, 4096, page(0x5001, DUNE_LEVEL_4K));
	/* The host has a large page now: of it, this piece is mapped. */
	map(test, context, 8192 + 5, page(0x200, DUNE_LEVEL_2M));
	KUNIT_EXPECT_EQ(test, 0x5001000ULL, target(context, 4096));
	KUNIT_EXPECT_EQ(test, 0x202000ULL, target(context, 8192));
	KUNIT_EXPECT_EQ(test, 0ULL, target(context, 12288));
}

static void a_large_page_gives_way_to_small_ones(struct kunit *test)
{
	struct context *context = make(test);

	map(test, context, 0, page(0x200, DUNE_LEVEL_2M));
	/* The host split it. The first fault clears the way, the next maps. */
	KUNIT_EXPECT_TRUE(test, map(test, context, 4096,
				    page(0x9001, DUNE_LEVEL_4K)));
	KUNIT_EXPECT_EQ(test, 0ULL, target(context, 0));
	KUNIT_EXPECT_FALSE(test, map(test, context, 4096,
				     page(0x9001, DUNE_LEVEL_4K)));
	KUNIT_EXPECT_EQ(test, 0x9001000ULL, target(context, 4096));
}

static void zapping_takes_the_range_and_no_more(struct kunit *test)
{
	struct context *context = make(test);
	u64 gpa;

	for (gpa = 0; gpa < 64 * KIB; gpa += 4096)
		map(test, context, gpa, page(gpa / 4096 + 1, DUNE_LEVEL_4K));
	KUNIT_EXPECT_TRUE(test, dune_npt_zap(&context->npt, 16 * KIB, 32 * KIB));
	for (gpa = 0; gpa < 64 * KIB; gpa += 4096) {
		bool gone = gpa >= 16 * KIB && gpa < 32 * KIB;

		KUNIT_EXPECT_EQ(test, gone, !target(context, gpa));
	}
}

static void zapping_nothing_needs_no_flush(struct kunit *test)
{
	struct context *context = make(test);

	KUNIT_EXPECT_FALSE(test, dune_npt_zap(&context->npt, 0, 1ULL << 48));
	map(test, context, 0, page(1, DUNE_LEVEL_4K));
	KUNIT_EXPECT_FALSE(test, dune_npt_zap(&context->npt, 4096, GIB / 1024));
	KUNIT_EXPECT_FALSE(test, dune_npt_zap(&context->npt, 4096, 4096));
}

static void a_range_is_searched_and_no_more(struct kunit *test)
{
	struct context *context = make(test);

	map(test, context, 2 * MIB, page(0x400, DUNE_LEVEL_2M));
	map(test, context, GIB + 4096, page(1, DUNE_LEVEL_4K));
	KUNIT_EXPECT_FALSE(test, dune_npt_any(&context->npt, 0, 2 * MIB));
	KUNIT_EXPECT_TRUE(test, dune_npt_any(&context->npt, 0, 2 * MIB + 1));
	KUNIT_EXPECT_TRUE(test, dune_npt_any(&context->npt, 4 * MIB - 4096,
					     4 * MIB));
	KUNIT_EXPECT_FALSE(test, dune_npt_any(&context->npt, 4 * MIB,
					      GIB + 4096));
	KUNIT_EXPECT_TRUE(test, dune_npt_any(&context->npt, 4 * MIB,
					     1ULL << 47));
	KUNIT_EXPECT_FALSE(test, dune_npt_any(&context->npt, GIB + 8192,
					      1ULL << 47));
}

static void a_part_of_a_large_page_goes_as_a_whole(struct kunit *test)
{
	struct context *context = make(test);

	map(test, context, 2 * MIB, page(0x400, DUNE_LEVEL_2M));
	KUNIT_EXPECT_TRUE(test, dune_npt_zap(&context->npt, 2 * MIB + 4096,
					     2 * MIB + 8192));
	KUNIT_EXPECT_EQ(test, 0ULL, target(context, 2 * MIB));
}

static void zapping_all_makes_room_for_large_pages(struct kunit *test)
{
	struct context *context = make(test);

	map(test, context, 4096, page(1, DUNE_LEVEL_4K));
	KUNIT_EXPECT_EQ(test, 4UL, context->npt.tables);
	KUNIT_EXPECT_TRUE(test, dune_npt_zap(&context->npt, 0, 2 * MIB));
	KUNIT_EXPECT_EQ(test, 3UL, context->npt.tables);
	/* Not free yet: a CPU may be walking it until all have flushed. */
	KUNIT_EXPECT_FALSE(test, list_empty(&context->npt.retired));
	dune_npt_free_retired(&context->npt);
	KUNIT_EXPECT_TRUE(test, list_empty(&context->npt.retired));
	map(test, context, 0, page(0x200, DUNE_LEVEL_2M));
	KUNIT_EXPECT_EQ(test, 0x200000ULL, target(context, 0));
}

static void a_whole_tree_is_retired(struct kunit *test)
{
	struct context *context = make(test);
	u64 gpa;

	for (gpa = 0; gpa < 1ULL << 48; gpa += 1ULL << 46)
		map(test, context, gpa, page(1, DUNE_LEVEL_4K));
	KUNIT_EXPECT_EQ(test, 13UL, context->npt.tables);
	KUNIT_EXPECT_TRUE(test, dune_npt_zap(&context->npt, 0, 1ULL << 48));
	KUNIT_EXPECT_EQ(test, 1UL, context->npt.tables);
	dune_npt_free_retired(&context->npt);
}

static void a_mapping_needs_no_more_tables_than_cached(struct kunit *test)
{
	struct context *context = make(test);

	KUNIT_ASSERT_EQ(test, 0, dune_npt_cache_fill(&context->cache));
	KUNIT_EXPECT_EQ(test, DUNE_NPT_CACHE, context->cache.count);
	map(test, context, 0, page(1, DUNE_LEVEL_4K));
	KUNIT_EXPECT_EQ(test, 0U, context->cache.count);
	map(test, context, 4096, page(2, DUNE_LEVEL_4K));
	KUNIT_EXPECT_EQ(test, DUNE_NPT_CACHE, context->cache.count);
}

static void a_mapping_without_tables_is_refused(struct kunit *test)
{
	struct context *context = make(test);
	const struct dune_mapping mapping = page(1, DUNE_LEVEL_4K);

	KUNIT_EXPECT_EQ(test, -ENOSPC, dune_npt_map(&context->npt,
						    &context->cache, 0,
						    &mapping));
	KUNIT_EXPECT_NULL(test, dune_npt_small(&context->npt, 0));
	map(test, context, 0, mapping);
	dune_npt_cache_drain(&context->cache);
	KUNIT_EXPECT_EQ(test, 0, dune_npt_map(&context->npt, &context->cache,
					      4096, &mapping));
	KUNIT_EXPECT_EQ(test, dune_npt_leaf(&context->npt, &mapping),
			dune_npt_small(&context->npt, 0)[1]);
}

static struct kunit_case npt_cases[] = {
	KUNIT_CASE_PARAM(an_empty_table_maps_nothing, format_gen_params),
	KUNIT_CASE_PARAM(pages_of_every_size_are_found, format_gen_params),
	KUNIT_CASE_PARAM(the_last_address_is_like_any_other, format_gen_params),
	KUNIT_CASE_PARAM(rights_are_no_wider_than_asked, format_gen_params),
	KUNIT_CASE_PARAM(device_memory_has_its_own_type, format_gen_params),
	KUNIT_CASE_PARAM(changing_an_entry_asks_for_a_flush, format_gen_params),
	KUNIT_CASE_PARAM(small_pages_stay_under_a_large_one, format_gen_params),
	KUNIT_CASE_PARAM(a_large_page_gives_way_to_small_ones,
			 format_gen_params),
	KUNIT_CASE_PARAM(zapping_takes_the_range_and_no_more,
			 format_gen_params),
	KUNIT_CASE_PARAM(zapping_nothing_needs_no_flush, format_gen_params),
	KUNIT_CASE_PARAM(a_range_is_searched_and_no_more, format_gen_params),
	KUNIT_CASE_PARAM(a_part_of_a_large_page_goes_as_a_whole,
			 format_gen_params),
	KUNIT_CASE_PARAM(zapping_all_makes_room_for_large_pages,
			 format_gen_params),
	KUNIT_CASE_PARAM(a_whole_tree_is_retired, format_gen_params),
	KUNIT_CASE_PARAM(a_mapping_without_tables_is_refused, format_gen_params),
	KUNIT_CASE_PARAM(a_mapping_needs_no_more_tables_than_cached,
			 format_gen_params),
	{}
};

static struct kunit_suite npt_suite = {
	.name = "dune_npt",
	.exit = npt_exit,
	.test_cases = npt_cases,
};

kunit_test_suite(npt_suite);
