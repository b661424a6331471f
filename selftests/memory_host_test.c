// SPDX-License-Identifier: GPL-2.0-only
/* The host does with a guest's memory what it does with any. */
#include "kselftest_harness.h"

#include "guest_memory.h"

FIXTURE(host) {
	struct guest guest;
	uint64_t *data;
};

FIXTURE_SETUP(host)
{
	int err = guest_create(&self->guest);

	if (err == -ENOENT)
		SKIP(return, "no /dev/dune: dune.ko is not loaded");
	ASSERT_EQ(0, err);
	self->data = guest_alloc_large();
	ASSERT_NE(MAP_FAILED, (void *)self->data);
	guest_map(&self->guest, self->data);
}

FIXTURE_TEARDOWN(host)
{
	guest_destroy(&self->guest);
}

#define CLEAR_REFS	"/proc/self/clear_refs"

TEST_F(host, a_write_makes_a_page_soft_dirty)
{
	madvise(self->data, LARGE, MADV_NOHUGEPAGE);
	EXPECT_WRITTEN(self->data, 1);
	EXPECT_WRITTEN(self->data + WORDS, 1);
	if (!(host_pagemap(self->data) & PAGEMAP_SOFT_DIRTY))
		SKIP(return, "this kernel does not track soft-dirty pages");
	ASSERT_TRUE(host_set(CLEAR_REFS, "4"));
	EXPECT_FALSE(host_pagemap(self->data) & PAGEMAP_SOFT_DIRTY);
	EXPECT_READ(1, self->data);
	EXPECT_FALSE(host_pagemap(self->data) & PAGEMAP_SOFT_DIRTY);
	EXPECT_WRITTEN(self->data, 2);
	EXPECT_TRUE(host_pagemap(self->data) & PAGEMAP_SOFT_DIRTY);
	EXPECT_FALSE(host_pagemap(self->data + WORDS) & PAGEMAP_SOFT_DIRTY);
}

TEST_HARNESS_MAIN
