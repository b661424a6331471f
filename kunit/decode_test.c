// SPDX-License-Identifier: GPL-2.0-only
/* Instructions that core decodes, against a table of encodings. */
#include <kunit/test.h>

#include "../core/decode.h"

struct encoding {
	const char *bytes;
	size_t len;
	struct dune_move move;
};

static const struct encoding encodings[] = {
	/* mov %rax, %cr0; mov %cr4, %rdi; mov %r15, %cr4 */
	{ "\x0f\x22\xc0", 3, { 3, true, false, 0, 0 } },
	{ "\x0f\x20\xe7", 3, { 3, false, false, 4, 7 } },
	{ "\x41\x0f\x22\xe7", 4, { 4, true, false, 4, 15 } },
	/* mov %cr8, %r8; mov %rsp, %cr8 */
	{ "\x45\x0f\x20\xc0", 4, { 4, false, false, 8, 8 } },
	{ "\x44\x0f\x22\xc4", 4, { 4, true, false, 8, 4 } },
	/* mov %rbx, %dr7; mov %dr6, %r12 */
	{ "\x0f\x23\xfb", 3, { 3, true, true, 7, 3 } },
	{ "\x41\x0f\x21\xf4", 4, { 4, false, true, 6, 12 } },
	/* the mode bits of the operand do not count */
	{ "\x0f\x22\x00", 3, { 3, true, false, 0, 0 } },
	/* prefixes that change nothing; of two REX the last counts */
	{ "\x66\x2e\xf3\x0f\x22\xc1", 6, { 6, true, false, 0, 1 } },
	{ "\x45\x40\x0f\x20\xc0", 5, { 5, false, false, 0, 0 } },
	{ "\x48\x0f\x22\xc0", 4, { 4, true, false, 0, 0 } },
};

static void moves_are_decoded(struct kunit *test)
{
	struct dune_move move;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(encodings); i++) {
		const struct encoding *encoding = &encodings[i];

		KUNIT_ASSERT_TRUE_MSG(test,
				      dune_decode_move(encoding->bytes,
						       encoding->len, &move),
				      "encoding %u", i);
		KUNIT_EXPECT_EQ(test, encoding->move.length, move.length);
		KUNIT_EXPECT_EQ(test, encoding->move.write, move.write);
		KUNIT_EXPECT_EQ(test, encoding->move.debug, move.debug);
		KUNIT_EXPECT_EQ(test, encoding->move.number, move.number);
		KUNIT_EXPECT_EQ(test, encoding->move.general, move.general);
	}
}

static void others_are_not(struct kunit *test)
{
	static const struct {
		const char *bytes;
		size_t len;
	} others[] = {
		{ "", 0 },
		{ "\x0f\x22", 2 },
		{ "\x41\x0f\x22", 3 },
		{ "\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66",
		  15 },
		/* lmsw, clts, a REX before a prefix, lock */
		{ "\x0f\x01\xf0", 3 },
		{ "\x0f\x06\x90", 3 },
		{ "\x41\x66\x0f\x22\xc0", 5 },
		{ "\xf0\x0f\x22\xc0", 4 },
	};
	struct dune_move move;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(others); i++)
		KUNIT_EXPECT_FALSE_MSG(test,
				       dune_decode_move(others[i].bytes,
							others[i].len, &move),
				       "entry %u", i);
}

static struct kunit_case decode_cases[] = {
	KUNIT_CASE(moves_are_decoded),
	KUNIT_CASE(others_are_not),
	{}
};

static struct kunit_suite decode_suite = {
	.name = "dune_decode",
	.test_cases = decode_cases,
};

kunit_test_suite(decode_suite);
