// SPDX-License-Identifier: GPL-2.0-only
/* What the guest is given: exceptions, interrupts, and what comes of both. */
#include <kunit/test.h>
#include <asm/trapnr.h>

#include "fake_hal.h"
#include "process.h"

#define VECTOR	0x81

/* The guest was about to be given that exception when it left. */
#define ON_THE_WAY(number)						\
	.interrupted = { .type = DUNE_EVENT_EXCEPTION, .vector = (number) }

static void an_exception_is_given_once(struct kunit *test)
{
	struct dune_vcpu *vcpu = process_vcpu(test);

	RUN_TO_END(test, vcpu, { .reason = DUNE_HW_FORBIDDEN }, { 0 }, { 0 });
	KUNIT_EXPECT_EQ(test, 1U, fake_hal.event_count);
	KUNIT_EXPECT_EQ(test, DUNE_EVENT_EXCEPTION, fake_hal.events[0].type);
	EXPECT_EVENT(test, 0, X86_TRAP_GP, 0);
	KUNIT_EXPECT_EQ(test, 1ULL, vcpu->stats.injected);
}

static void what_it_has_not_got_it_is_given_again(struct kunit *test)
{
	struct dune_vcpu *vcpu = process_vcpu(test);

	RUN_TO_END(test, vcpu, {
		.reason = DUNE_HW_HOST,
		.interrupted = {
			.type = DUNE_EVENT_EXCEPTION, .vector = X86_TRAP_PF,
			.has_error_code = true, .error_code = 7,
		},
	}, {
		.reason = DUNE_HW_HOST,
		.interrupted = {
			.type = DUNE_EVENT_INTERRUPT, .vector = VECTOR,
		},
	});
	KUNIT_EXPECT_EQ(test, 2U, fake_hal.event_count);
	EXPECT_EVENT(test, 0, X86_TRAP_PF, 7);
	EXPECT_EVENT(test, 1, VECTOR, NO_ERROR_CODE);
	KUNIT_EXPECT_EQ(test, DUNE_EVENT_INTERRUPT, fake_hal.events[1].type);
}

static void it_is_given_in_the_next_run_too(struct kunit *test)
{
	struct dune_vcpu *vcpu = process_vcpu(test);

	KUNIT_EXPECT_EQ(test, 0L, RUN(test, {
		.reason = DUNE_HW_UNKNOWN, ON_THE_WAY(X86_TRAP_DB),
	}));
	KUNIT_EXPECT_EQ(test, 0U, fake_hal.event_count);
	RUN_TO_END(test, vcpu, { 0 });
	KUNIT_EXPECT_EQ(test, 1U, fake_hal.event_count);
	EXPECT_EVENT(test, 0, X86_TRAP_DB, NO_ERROR_CODE);
}

static void a_new_state_forgets_it(struct kunit *test)
{
	struct dune_vcpu *vcpu = process_vcpu(test);
	struct dune_state state;

	KUNIT_EXPECT_EQ(test, 0L, RUN(test, {
		.reason = DUNE_HW_UNKNOWN, ON_THE_WAY(X86_TRAP_DB),
	}));
	dune_state_default(&state);
	KUNIT_EXPECT_EQ(test, 0L, process_ioctl(test, DUNE_SET_STATE, &state));
	RUN_TO_END(test, vcpu, { 0 });
	KUNIT_EXPECT_EQ(test, 0U, fake_hal.event_count);
}

/*
 * One exception is on its way when another comes: what the guest gets (Intel
 * SDM, "Interrupt 8 - Double Fault Exception (#DF)"). After a harmless one the
 * second is given; the first comes again with the instruction.
 */
#define TRIPLE	0xff

static const struct pair {
	u8 first;
	u8 second;
	u8 result;
} pairs[] = {
	{ X86_TRAP_DB, X86_TRAP_GP, X86_TRAP_GP },
	{ X86_TRAP_UD, X86_TRAP_PF, X86_TRAP_PF },
	{ X86_TRAP_AC, X86_TRAP_UD, X86_TRAP_UD },
	{ X86_TRAP_GP, X86_TRAP_UD, X86_TRAP_UD },
	{ X86_TRAP_PF, X86_TRAP_UD, X86_TRAP_UD },
	{ X86_TRAP_GP, X86_TRAP_PF, X86_TRAP_PF },
	{ X86_TRAP_DF, X86_TRAP_UD, X86_TRAP_UD },
	{ X86_TRAP_DE, X86_TRAP_GP, X86_TRAP_DF },
	{ X86_TRAP_TS, X86_TRAP_GP, X86_TRAP_DF },
	{ X86_TRAP_NP, X86_TRAP_GP, X86_TRAP_DF },
	{ X86_TRAP_SS, X86_TRAP_GP, X86_TRAP_DF },
	{ X86_TRAP_GP, X86_TRAP_GP, X86_TRAP_DF },
	{ X86_TRAP_PF, X86_TRAP_GP, X86_TRAP_DF },
	{ X86_TRAP_PF, X86_TRAP_PF, X86_TRAP_DF },
	{ X86_TRAP_DF, X86_TRAP_GP, TRIPLE },
	{ X86_TRAP_DF, X86_TRAP_PF, TRIPLE },
};

static void pair_name(const struct pair *pair, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%u in %u", pair->second,
		 pair->first);
}

KUNIT_ARRAY_PARAM(pair, pairs, pair_name);

static void one_exception_meets_another(struct kunit *test)
{
	const struct pair *pair = test->param_value;
	struct dune_vcpu *vcpu = process_vcpu(test);
	struct dune_exit exit = { ON_THE_WAY(pair->first) };

	fake_vcpu(vcpu)->state.lstar = 5;
	switch (pair->second) {
	case X86_TRAP_GP:
		exit.reason = DUNE_HW_FORBIDDEN;
		break;
	case X86_TRAP_UD:
		exit.reason = DUNE_HW_UNDEFINED;
		break;
	default:
		/* a page that the process has not */
		exit.reason = DUNE_HW_NESTED_FAULT;
		exit.gpa = 1ULL << 50;
	}
	KUNIT_EXPECT_EQ(test, 0L, process_run(test, &exit, 1));
	if (pair->result == TRIPLE) {
		KUNIT_EXPECT_EQ(test, (u32)DUNE_EXIT_SHUTDOWN,
				vcpu->run->exit_reason);
		KUNIT_EXPECT_EQ(test, 0U, fake_hal.event_count);
		KUNIT_EXPECT_EQ(test, 0ULL, fake_vcpu(vcpu)->state.lstar);
		return;
	}
	KUNIT_EXPECT_TRUE(test, process_ran_to_end(vcpu));
	KUNIT_EXPECT_EQ(test, 1U, fake_hal.event_count);
	EXPECT_EVENT(test, 0, pair->result,
		     pair->result == X86_TRAP_UD ? NO_ERROR_CODE : 0);
}

static void an_interrupt_is_given_when_it_can_be_taken(struct kunit *test)
{
	struct dune_vcpu *vcpu = process_vcpu(test);

	vcpu->run->interrupt = VECTOR;
	RUN_TO_END(test, vcpu, { 0 }, { 0 });
	KUNIT_EXPECT_EQ(test, 1U, fake_hal.event_count);
	EXPECT_EVENT(test, 0, VECTOR, NO_ERROR_CODE);
	KUNIT_EXPECT_EQ(test, DUNE_EVENT_INTERRUPT, fake_hal.events[0].type);
	KUNIT_EXPECT_EQ(test, 0U, vcpu->run->interrupt);
	/* Who has none to give asks for no window. */
	KUNIT_EXPECT_EQ(test, 1U, fake_hal.window_requests);
}

static void an_interrupt_waits_for_its_window(struct kunit *test)
{
	struct dune_vcpu *vcpu = process_vcpu(test);

	vcpu->run->interrupt = VECTOR;
	fake_hal.window_closed = true;
	RUN_TO_END(test, vcpu, { 0 }, { .reason = DUNE_HW_WINDOW });
	/* Asked at every entry: the guest's flag may have changed. */
	KUNIT_EXPECT_EQ(test, 3U, fake_hal.window_requests);
	KUNIT_EXPECT_EQ(test, 0U, fake_hal.event_count);
	KUNIT_EXPECT_EQ(test, (u32)VECTOR, vcpu->run->interrupt);
}

static void open_window(struct dune_vcpu *vcpu)
{
	fake_hal.window_closed = false;
}

static void the_window_lets_it_in(struct kunit *test)
{
	struct dune_vcpu *vcpu = process_vcpu(test);

	vcpu->run->interrupt = VECTOR;
	fake_hal.window_closed = true;
	fake_hal.hook = open_window;
	RUN_TO_END(test, vcpu, { .reason = DUNE_HW_WINDOW }, { 0 });
	KUNIT_EXPECT_EQ(test, 2U, fake_hal.window_requests);
	KUNIT_EXPECT_EQ(test, 1U, fake_hal.event_count);
	EXPECT_EVENT(test, 0, VECTOR, NO_ERROR_CODE);
}

static void an_exception_goes_before_an_interrupt(struct kunit *test)
{
	struct dune_vcpu *vcpu = process_vcpu(test);

	fake_hal.window_closed = true;
	vcpu->run->interrupt = VECTOR;
	fake_hal.hook = open_window;
	RUN_TO_END(test, vcpu, { .reason = DUNE_HW_FORBIDDEN }, { 0 });
	KUNIT_EXPECT_EQ(test, 2U, fake_hal.event_count);
	EXPECT_EVENT(test, 0, X86_TRAP_GP, 0);
	EXPECT_EVENT(test, 1, VECTOR, NO_ERROR_CODE);
}

static void an_interrupt_that_was_interrupted_comes_later(struct kunit *test)
{
	struct dune_vcpu *vcpu = process_vcpu(test);

	vcpu->run->interrupt = VECTOR;
	RUN_TO_END(test, vcpu, {
		.reason = DUNE_HW_NESTED_FAULT, .gpa = 1ULL << 50,
		.interrupted = {
			.type = DUNE_EVENT_INTERRUPT, .vector = VECTOR,
		},
	}, { 0 });
	KUNIT_EXPECT_EQ(test, 3U, fake_hal.event_count);
	EXPECT_EVENT(test, 0, VECTOR, NO_ERROR_CODE);
	EXPECT_EVENT(test, 1, X86_TRAP_PF, 0);
	EXPECT_EVENT(test, 2, VECTOR, NO_ERROR_CODE);
	KUNIT_EXPECT_EQ(test, 0U, vcpu->run->interrupt);
}

static struct kunit_case event_cases[] = {
	KUNIT_CASE(an_exception_is_given_once),
	KUNIT_CASE(what_it_has_not_got_it_is_given_again),
	KUNIT_CASE(it_is_given_in_the_next_run_too),
	KUNIT_CASE(a_new_state_forgets_it),
	KUNIT_CASE_PARAM(one_exception_meets_another, pair_gen_params),
	KUNIT_CASE(an_interrupt_is_given_when_it_can_be_taken),
	KUNIT_CASE(an_interrupt_waits_for_its_window),
	KUNIT_CASE(the_window_lets_it_in),
	KUNIT_CASE(an_exception_goes_before_an_interrupt),
	KUNIT_CASE(an_interrupt_that_was_interrupted_comes_later),
	{}
};

static struct kunit_suite event_suite = {
	.name = "dune_event",
	.init = process_init,
	.exit = process_exit,
	.test_cases = event_cases,
};

kunit_test_suite(event_suite);
