// SPDX-License-Identifier: GPL-2.0-only
/* The run loop: every reason for an exit, and every reason not to enter. */
#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/sched/signal.h>
#include <linux/workqueue.h>
#include <asm/debugreg.h>
#include <asm/fpu/xcr.h>
#include <asm/trapnr.h>

#include "../core/hardware.h"
#include "fake_hal.h"
#include "process.h"

#define RIP	0x401000ULL

/* What hooks, which must not fail a test themselves, have seen. */
static struct {
	u64 value;
	int cpu;
} seen;

static struct dune_vcpu *make(struct kunit *test)
{
	struct dune_vcpu *vcpu;

	process_set_phys_bits(48);
	vcpu = process_vcpu(test);
	vcpu->run->regs.rip = RIP;
	return vcpu;
}

static void the_host_s_exits_go_back_in(struct kunit *test)
{
	struct dune_vcpu *vcpu = make(test);

	RUN_TO_END(test, vcpu, { .reason = DUNE_HW_HOST },
		   { .reason = DUNE_HW_WINDOW }, { .reason = DUNE_HW_HOST });
	KUNIT_EXPECT_EQ(test, 4U, fake_hal.runs);
	KUNIT_EXPECT_EQ(test, 0U, fake_hal.event_count);
	KUNIT_EXPECT_EQ(test, RIP, vcpu->run->regs.rip);
	KUNIT_EXPECT_EQ(test, -1, vcpu->in_guest);
}

static void a_hypercall_is_a_system_call(struct kunit *test)
{
	struct dune_vcpu *vcpu = make(test);

	vcpu->run->regs.rax = 39;
	vcpu->run->regs.rdi = 0x1122334455667788;
	KUNIT_EXPECT_EQ(test, 0L, RUN(test, {
		.reason = DUNE_HW_HYPERCALL, .instruction_length = 3,
		.hardware_reason = 18,
	}));
	KUNIT_EXPECT_EQ(test, (u32)DUNE_EXIT_SYSCALL, vcpu->run->exit_reason);
	KUNIT_EXPECT_EQ(test, 18ULL, vcpu->run->hardware_reason);
	KUNIT_EXPECT_EQ(test, RIP + 3, vcpu->run->regs.rip);
	KUNIT_EXPECT_EQ(test, 39ULL, vcpu->run->regs.rax);
	KUNIT_EXPECT_EQ(test, 0x1122334455667788ULL, vcpu->run->regs.rdi);
	KUNIT_EXPECT_EQ(test, 1U, fake_hal.runs);
}

static void ring_3_does_not_call_the_kernel(struct kunit *test)
{
	struct dune_vcpu *vcpu = make(test);

	vcpu->run->flags = DUNE_RUN_DIRECT_SYSCALLS;
	RUN_TO_END(test, vcpu, {
		.reason = DUNE_HW_HYPERCALL, .cpl = 3,
		.instruction_length = 3,
	});
	EXPECT_EVENT(test, 0, X86_TRAP_UD, NO_ERROR_CODE);
	KUNIT_EXPECT_EQ(test, RIP, vcpu->run->regs.rip);
	KUNIT_EXPECT_EQ(test, 0ULL, vcpu->stats.plain_syscalls);
	KUNIT_EXPECT_EQ(test, 0ULL, vcpu->stats.direct_syscalls);
}

static void memory_that_is_there_is_mapped(struct kunit *test)
{
	struct dune_vcpu *vcpu = make(test);
	unsigned long address = process_map(test, PAGE_SIZE,
					    PROT_READ | PROT_WRITE,
					    MAP_PRIVATE);
	enum dune_level level;

	RUN_TO_END(test, vcpu, {
		.reason = DUNE_HW_NESTED_FAULT, .gpa = address + 8,
		.write = true,
	});
	KUNIT_EXPECT_NE(test, 0ULL, dune_npt_lookup(&vcpu->space->npt, address,
						    &level));
	KUNIT_EXPECT_EQ(test, 0U, fake_hal.event_count);
	KUNIT_EXPECT_EQ(test, RIP, vcpu->run->regs.rip);
}

static void memory_that_is_not_there_is_a_page_fault(struct kunit *test)
{
	struct dune_vcpu *vcpu = make(test);

	RUN_TO_END(test, vcpu,
		   { .reason = DUNE_HW_NESTED_FAULT, .gpa = 0x100000001008 },
		   { .reason = DUNE_HW_HOST });
	KUNIT_EXPECT_EQ(test, 1U, fake_hal.event_count);
	EXPECT_EVENT(test, 0, X86_TRAP_PF, 0);
	KUNIT_EXPECT_EQ(test, 0x100000001008ULL, vcpu->cr2);
	KUNIT_EXPECT_EQ(test, RIP, vcpu->run->regs.rip);

	RUN_TO_END(test, vcpu, {
		.reason = DUNE_HW_NESTED_FAULT, .write = true,
		.gpa = 0x100000002000, .cpl = 3,
	});
	EXPECT_EVENT(test, 0, X86_TRAP_PF, 0x6);
	KUNIT_EXPECT_EQ(test, 0x100000002000ULL, vcpu->cr2);

	RUN_TO_END(test, vcpu, {
		.reason = DUNE_HW_NESTED_FAULT, .fetch = true,
		.gpa = 0x100000003000,
	});
	EXPECT_EVENT(test, 0, X86_TRAP_PF, 0x10);
}

static void what_is_forbidden_is_a_protection_fault(struct kunit *test)
{
	struct dune_vcpu *vcpu = make(test);

	RUN_TO_END(test, vcpu, {
		.reason = DUNE_HW_FORBIDDEN, .instruction_length = 2,
	});
	EXPECT_EVENT(test, 0, X86_TRAP_GP, 0);
	KUNIT_EXPECT_EQ(test, RIP, vcpu->run->regs.rip);
}

static void what_is_not_there_is_undefined(struct kunit *test)
{
	struct dune_vcpu *vcpu = make(test);

	RUN_TO_END(test, vcpu, {
		.reason = DUNE_HW_UNDEFINED, .instruction_length = 2,
	});
	EXPECT_EVENT(test, 0, X86_TRAP_UD, NO_ERROR_CODE);
	KUNIT_EXPECT_EQ(test, RIP, vcpu->run->regs.rip);
}

static void exceptions_that_are_looked_at_are_passed_on(struct kunit *test)
{
	struct dune_vcpu *vcpu = make(test);

	RUN_TO_END(test, vcpu, {
		.reason = DUNE_HW_EXCEPTION, .vector = X86_TRAP_AC,
	});
	EXPECT_EVENT(test, 0, X86_TRAP_AC, 0);

	/* Of DR6 the breakpoints are new, the rest stays as it is. */
	vcpu->dr6 = DUNE_DR6_FIXED | DR_STEP | DR_TRAP0;
	RUN_TO_END(test, vcpu, {
		.reason = DUNE_HW_EXCEPTION, .vector = X86_TRAP_DB,
		.debug = DR_TRAP2,
	});
	EXPECT_EVENT(test, 0, X86_TRAP_DB, NO_ERROR_CODE);
	KUNIT_EXPECT_EQ(test, (u64)(DUNE_DR6_FIXED | DR_STEP | DR_TRAP2),
			vcpu->dr6);
	KUNIT_EXPECT_EQ(test, RIP, vcpu->run->regs.rip);

	/* INT1 has been executed. */
	RUN_TO_END(test, vcpu, {
		.reason = DUNE_HW_EXCEPTION, .vector = X86_TRAP_DB,
		.instruction_length = 1,
	});
	KUNIT_EXPECT_EQ(test, RIP + 1, vcpu->run->regs.rip);
}

static void the_end_of_the_guest_is_told(struct kunit *test)
{
	static const struct { enum dune_hw_exit hw; u32 told; } ends[] = {
		{ DUNE_HW_SHUTDOWN, DUNE_EXIT_SHUTDOWN },
		{ DUNE_HW_INVALID, DUNE_EXIT_INVALID_STATE },
		{ DUNE_HW_UNKNOWN, DUNE_EXIT_UNKNOWN },
	};
	struct dune_vcpu *vcpu = make(test);
	const struct dune_exit wild = { .reason = 4711 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(ends); i++) {
		fake_vcpu(vcpu)->state.lstar = 5;
		KUNIT_EXPECT_EQ(test, 0L, RUN(test, {
			.reason = ends[i].hw, .hardware_reason = 100 + i,
		}));
		/* after a shutdown it starts over */
		KUNIT_EXPECT_EQ(test, i ? 5ULL : 0ULL,
				fake_vcpu(vcpu)->state.lstar);
		KUNIT_EXPECT_EQ(test, ends[i].told, vcpu->run->exit_reason);
		KUNIT_EXPECT_EQ(test, 100ULL + i, vcpu->run->hardware_reason);
		KUNIT_EXPECT_EQ(test, 1U, fake_hal.runs);
	}
	/* No reason that there is. */
	KUNIT_EXPECT_EQ(test, 0, dune_handle_exit(vcpu, &wild));
	KUNIT_EXPECT_EQ(test, (u32)DUNE_EXIT_UNKNOWN, vcpu->run->exit_reason);
}

static void hlt_waits_for_a_signal(struct kunit *test)
{
	struct dune_vcpu *vcpu = make(test);

	process_signal_later(test, 50);
	KUNIT_EXPECT_EQ(test, (long)-EINTR, RUN(test, {
		.reason = DUNE_HW_HALT, .instruction_length = 1,
	}));
	process_no_signal();
	KUNIT_EXPECT_EQ(test, (u32)DUNE_EXIT_NONE, vcpu->run->exit_reason);
	KUNIT_EXPECT_EQ(test, RIP + 1, vcpu->run->regs.rip);
	KUNIT_EXPECT_EQ(test, 1U, fake_hal.runs);
}

static void ring_3_does_not_halt(struct kunit *test)
{
	struct dune_vcpu *vcpu = make(test);

	RUN_TO_END(test, vcpu, {
		.reason = DUNE_HW_HALT, .cpl = 3, .instruction_length = 1,
	});
	EXPECT_EVENT(test, 0, X86_TRAP_GP, 0);
	KUNIT_EXPECT_EQ(test, RIP, vcpu->run->regs.rip);
}

static void every_exit_is_counted(struct kunit *test)
{
	struct dune_vcpu *vcpu = make(test);
	struct dune_stats stats = { 0 };
	enum dune_hw_exit reason;

	for (reason = 0; reason <= DUNE_HW_UNKNOWN; reason++) {
		/* Of ring 3, where none does more than leave or fault. */
		struct dune_exit exit = { .reason = reason, .cpl = 3 };

		vcpu->event.type = DUNE_EVENT_NONE;
		KUNIT_EXPECT_EQ(test, 0L, process_run(test, &exit, 1));
	}
	KUNIT_ASSERT_EQ(test, 0L, process_ioctl(test, DUNE_GET_STATS, &stats));
	/* Those that went on have met the end of their script besides. */
	for (reason = 0; reason < DUNE_HW_UNKNOWN; reason++)
		KUNIT_EXPECT_EQ(test, 1ULL, stats.exits[reason]);
	KUNIT_EXPECT_EQ(test, 1ULL + DUNE_HW_UNKNOWN - 2,
			stats.exits[DUNE_HW_UNKNOWN]);
}

static void a_signal_keeps_it_out(struct kunit *test)
{
	struct dune_vcpu *vcpu = make(test);

	vcpu->run->exit_reason = DUNE_EXIT_SYSCALL;
	process_signal();
	KUNIT_EXPECT_EQ(test, (long)-EINTR, RUN(test, { 0 }));
	KUNIT_EXPECT_EQ(test, 0U, fake_hal.runs);
	KUNIT_EXPECT_EQ(test, (u32)DUNE_EXIT_NONE, vcpu->run->exit_reason);
	process_no_signal();
	RUN_TO_END(test, vcpu, { 0 });
}

static void send_signal(struct dune_vcpu *vcpu)
{
	process_signal();
}

static void a_signal_gets_it_out(struct kunit *test)
{
	struct dune_vcpu *vcpu = make(test);

	fake_hal.hook = send_signal;
	KUNIT_EXPECT_EQ(test, (long)-EINTR,
			RUN(test, { 0 }, { 0 }, { 0 }));
	KUNIT_EXPECT_EQ(test, 1U, fake_hal.runs);
	KUNIT_EXPECT_EQ(test, RIP, vcpu->run->regs.rip);
	process_no_signal();
}

static void work_for_user_mode_is_done_there_once(struct kunit *test)
{
	struct dune_vcpu *vcpu = make(test);

	set_thread_flag(TIF_NOTIFY_RESUME);
	KUNIT_EXPECT_EQ(test, 0L, RUN(test, { 0 }));
	KUNIT_EXPECT_EQ(test, (u32)DUNE_EXIT_RESUME, vcpu->run->exit_reason);
	KUNIT_EXPECT_EQ(test, 0U, fake_hal.runs);

	/* Nobody did it, but that is not for us to wait for. */
	KUNIT_EXPECT_EQ(test, 0L, RUN(test, { .reason = DUNE_HW_HYPERCALL }));
	KUNIT_EXPECT_EQ(test, 1U, fake_hal.runs);
	KUNIT_EXPECT_EQ(test, (u32)DUNE_EXIT_SYSCALL, vcpu->run->exit_reason);

	/* It is asked for anew. */
	KUNIT_EXPECT_EQ(test, 0L, RUN(test, { 0 }));
	KUNIT_EXPECT_EQ(test, (u32)DUNE_EXIT_RESUME, vcpu->run->exit_reason);
	clear_thread_flag(TIF_NOTIFY_RESUME);
	RUN_TO_END(test, vcpu, { 0 });
}

static void it_stays_where_user_space_wants_it(struct kunit *test)
{
	struct dune_vcpu *vcpu = make(test);

	vcpu->run->cpu = 1 + nr_cpu_ids;
	KUNIT_EXPECT_EQ(test, (long)-EINVAL, RUN(test, { 0 }));
	if (nr_cpu_ids < 2)
		kunit_skip(test, "there is one CPU only");
	migrate_disable();
	vcpu->run->cpu = 1 + raw_smp_processor_id();
	RUN_TO_END(test, vcpu, { 0 });
	/* the other: until user space knows better, again and again */
	vcpu->run->cpu = 1 + !raw_smp_processor_id();
	KUNIT_EXPECT_EQ(test, 0L, RUN(test, { 0 }));
	KUNIT_EXPECT_EQ(test, (u32)DUNE_EXIT_RESUME, vcpu->run->exit_reason);
	KUNIT_EXPECT_EQ(test, 0L, RUN(test, { 0 }));
	KUNIT_EXPECT_EQ(test, (u32)DUNE_EXIT_RESUME, vcpu->run->exit_reason);
	KUNIT_EXPECT_EQ(test, 0U, fake_hal.runs);
	migrate_enable();
}

static void a_cpu_that_goes_away_keeps_it_waiting(struct kunit *test)
{
	int cpu;

	make(test);
	migrate_disable();
	cpu = smp_processor_id();
	cpumask_clear_cpu(cpu, &dune_hardware.enabled);
	process_signal_later(test, 50);
	KUNIT_EXPECT_EQ(test, (long)-EINTR, RUN(test, { 0 }));
	KUNIT_EXPECT_EQ(test, 0U, fake_hal.runs);
	cpumask_set_cpu(cpu, &dune_hardware.enabled);
	migrate_enable();
	process_no_signal();
}

static void a_machine_that_goes_down_keeps_it_out(struct kunit *test)
{
	make(test);
	dune_hardware_shutdown(&dune_hardware);
	KUNIT_EXPECT_EQ(test, (long)-ESHUTDOWN, RUN(test, { 0 }));
	KUNIT_EXPECT_EQ(test, 0U, fake_hal.runs);
}

static void the_run_page_is_checked(struct kunit *test)
{
	static const u32 bad[] = { 1, 31, 256, ~0U };
	struct dune_vcpu *vcpu = make(test);
	unsigned int i;

	vcpu->run->flags = ~DUNE_RUN_DIRECT_SYSCALLS;
	KUNIT_EXPECT_EQ(test, (long)-EINVAL, RUN(test, { 0 }));
	vcpu->run->flags = 0;
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		vcpu->run->interrupt = bad[i];
		KUNIT_EXPECT_EQ(test, (long)-EINVAL, RUN(test, { 0 }));
	}
	KUNIT_EXPECT_EQ(test, 0U, fake_hal.runs);
	KUNIT_EXPECT_EQ(test, RIP, vcpu->run->regs.rip);
	vcpu->run->interrupt = 255;
	RUN_TO_END(test, vcpu, { 0 });
}

static void scribble(struct dune_vcpu *vcpu)
{
	seen.value = vcpu->regs.rip;
	memset(vcpu->run, 0xff, sizeof(*vcpu->run));
}

static void the_run_page_is_read_once(struct kunit *test)
{
	struct dune_vcpu *vcpu = make(test);

	fake_hal.hook = scribble;
	RUN_TO_END(test, vcpu, { 0 }, {
		.reason = DUNE_HW_CPUID, .instruction_length = 2,
	});
	KUNIT_EXPECT_EQ(test, RIP + 2, seen.value);
	KUNIT_EXPECT_EQ(test, RIP + 2, vcpu->run->regs.rip);
	KUNIT_EXPECT_EQ(test, 0U, vcpu->run->interrupt);
	KUNIT_EXPECT_EQ(test, 0U, fake_hal.event_count);
}

static void translations_are_flushed_when_they_are_old(struct kunit *test)
{
	struct dune_vcpu *vcpu = make(test);
	unsigned int before = fake_hal.flushes;

	RUN_TO_END(test, vcpu, { 0 }, { 0 });
	KUNIT_EXPECT_EQ(test, before + 1, fake_hal.flushes);
	RUN_TO_END(test, vcpu, { 0 });
	KUNIT_EXPECT_EQ(test, before + 1, fake_hal.flushes);

	spin_lock(&vcpu->space->lock);
	dune_space_flush(vcpu->space);
	spin_unlock(&vcpu->space->lock);
	RUN_TO_END(test, vcpu, { 0 }, { 0 });
	KUNIT_EXPECT_EQ(test, before + 2, fake_hal.flushes);
}

static void a_change_of_page_tables_is_told_to_all(struct kunit *test)
{
	struct dune_flush flush = { .address = RIP, .size = PAGE_SIZE };
	struct dune_vcpu *vcpu = make(test);
	unsigned int before;

	RUN_TO_END(test, vcpu, { 0 });
	before = fake_hal.flushes;
	KUNIT_EXPECT_EQ(test, 0L, process_ioctl(test, DUNE_FLUSH, &flush));
	RUN_TO_END(test, vcpu, { 0 }, { 0 });
	KUNIT_EXPECT_EQ(test, before + 1, fake_hal.flushes);

	flush.size = -RIP;
	KUNIT_EXPECT_EQ(test, (long)-EINVAL,
			process_ioctl(test, DUNE_FLUSH, &flush));
	flush = (struct dune_flush){ .flags = 1 };
	KUNIT_EXPECT_EQ(test, (long)-EINVAL,
			process_ioctl(test, DUNE_FLUSH, &flush));
	flush = (struct dune_flush){ .reserved = { 0, 0, 1 } };
	KUNIT_EXPECT_EQ(test, (long)-EINVAL,
			process_ioctl(test, DUNE_FLUSH, &flush));
	RUN_TO_END(test, vcpu, { 0 });
	KUNIT_EXPECT_EQ(test, before + 1, fake_hal.flushes);
}

/* Another CPU, which flushes while the guest runs. */
static struct {
	struct work_struct work;
	struct dune_space *space;
	int cpu;
	bool met;
	bool done;
	bool done_early;
} flusher;

static void flush(struct work_struct *work)
{
	spin_lock(&flusher.space->lock);
	dune_space_flush(flusher.space);
	spin_unlock(&flusher.space->lock);
	WRITE_ONCE(flusher.done, true);
}

static void be_flushed(struct dune_vcpu *vcpu)
{
	s64 before = atomic64_read(&flusher.space->tlb_generation);
	int i = 0;

	if (fake_hal.runs)
		return;
	queue_work_on(flusher.cpu, system_highpri_wq, &flusher.work);
	while (before == atomic64_read(&flusher.space->tlb_generation)) {
		/* The other CPU may be waiting for this one: let it be. */
		if (++i > 20000)
			return;
		udelay(5);
	}
	/* It has begun. It must not end while this guest may use the old. */
	flusher.met = true;
	for (i = 0; i < 400; i++)
		udelay(5);
	flusher.done_early = READ_ONCE(flusher.done);
}

static void a_flush_waits_until_the_guest_is_out(struct kunit *test)
{
	struct dune_vcpu *vcpu = make(test);
	unsigned int before = 0;
	int i;

	if (num_online_cpus() < 2)
		kunit_skip(test, "needs two CPUs");
	/* on another CPU it would flush for that */
	migrate_disable();
	RUN_TO_END(test, vcpu, { 0 });

	INIT_WORK(&flusher.work, flush);
	flusher.space = vcpu->space;
	flusher.met = false;
	flusher.cpu = cpumask_any_but(cpu_online_mask, raw_smp_processor_id());
	/* on a busy machine the other CPU may be late, many a time */
	for (i = 0; i < 200 && !flusher.met; i++) {
		/* what came behind the end of the last run is for this one */
		fake_hal.hook = NULL;
		RUN_TO_END(test, vcpu, { 0 });
		fake_hal.hook = be_flushed;
		before = fake_hal.flushes;
		flusher.done = false;
		RUN_TO_END(test, vcpu, { 0 }, { 0 });
		flush_work(&flusher.work);
	}
	migrate_enable();
	KUNIT_EXPECT_TRUE(test, flusher.met);
	KUNIT_EXPECT_FALSE(test, flusher.done_early);
	KUNIT_EXPECT_TRUE(test, flusher.done);
	KUNIT_EXPECT_EQ(test, before + 1, fake_hal.flushes);
}

/* Moves a sleeping thread to another CPU and wakes it. */
static struct {
	struct delayed_work work;
	struct task_struct *task;
	int cpu;
} mover;

static void move(struct work_struct *work)
{
	set_cpus_allowed_ptr(mover.task, cpumask_of(mover.cpu));
	send_sig(SIGUSR1, mover.task, 0);
}

static void note_cpu(struct dune_vcpu *vcpu)
{
	seen.cpu = smp_processor_id();
	mover.cpu = cpumask_any_but(cpu_online_mask, seen.cpu);
}

static void it_follows_its_thread_to_another_cpu(struct kunit *test)
{
	struct dune_vcpu *vcpu = make(test);
	unsigned int before;

	if (num_online_cpus() < 2)
		kunit_skip(test, "needs two CPUs");
	before = fake_hal.loads;
	INIT_DELAYED_WORK(&mover.work, move);
	mover.task = current;
	fake_hal.hook = note_cpu;
	schedule_delayed_work(&mover.work, msecs_to_jiffies(50));
	KUNIT_EXPECT_EQ(test, (long)-EINTR, RUN(test, {
		.reason = DUNE_HW_HALT,
	}));
	flush_delayed_work(&mover.work);
	process_no_signal();
	/* Put when the thread went to sleep, loaded when it woke up. */
	KUNIT_EXPECT_GE(test, fake_hal.loads, before + 2);
	KUNIT_EXPECT_EQ(test, fake_hal.loads, fake_hal.puts);
	KUNIT_EXPECT_EQ(test, mover.cpu, raw_smp_processor_id());
	RUN_TO_END(test, vcpu, { 0 });
}

static void read_breakpoint(struct dune_vcpu *vcpu)
{
	unsigned long value;

	get_debugreg(value, 2);
	seen.value = value;
}

static void breakpoints_are_the_guest_s_own(struct kunit *test)
{
	struct dune_vcpu *vcpu = make(test);
	struct dune_state state;

	dune_state_default(&state);
	state.dr2 = 0x7ffe12345678;
	state.dr7 |= 1 << 5;
	KUNIT_ASSERT_EQ(test, 0L, process_ioctl(test, DUNE_SET_STATE, &state));
	fake_hal.hook = read_breakpoint;
	RUN_TO_END(test, vcpu, { 0 });
	KUNIT_EXPECT_EQ(test, 0x7ffe12345678ULL, seen.value);
	KUNIT_EXPECT_EQ(test, state.dr7, fake_vcpu(vcpu)->controls.dr7);
}

static void read_xcr0(struct dune_vcpu *vcpu)
{
	seen.value = dune_host_xcr0();
}

static void extended_state_is_the_guest_s_own(struct kunit *test)
{
	struct dune_vcpu *vcpu = make(test);
	struct dune_state state;
	u64 host = dune_host_xcr0();

	if (!host)
		kunit_skip(test, "the CPU has no XSAVE");
	fake_hal.hook = read_xcr0;
	RUN_TO_END(test, vcpu, { 0 });
	KUNIT_EXPECT_EQ(test, host, seen.value);

	dune_state_default(&state);
	state.xcr0 = XFEATURE_MASK_FP;
	KUNIT_ASSERT_EQ(test, 0L, process_ioctl(test, DUNE_SET_STATE, &state));
	RUN_TO_END(test, vcpu, { 0 });
	KUNIT_EXPECT_EQ(test, (u64)XFEATURE_MASK_FP, seen.value);
	KUNIT_EXPECT_EQ(test, host, dune_host_xcr0());
}

static struct kunit_case run_cases[] = {
	KUNIT_CASE(the_host_s_exits_go_back_in),
	KUNIT_CASE(a_hypercall_is_a_system_call),
	KUNIT_CASE(ring_3_does_not_call_the_kernel),
	KUNIT_CASE(memory_that_is_there_is_mapped),
	KUNIT_CASE(memory_that_is_not_there_is_a_page_fault),
	KUNIT_CASE(what_is_forbidden_is_a_protection_fault),
	KUNIT_CASE(what_is_not_there_is_undefined),
	KUNIT_CASE(exceptions_that_are_looked_at_are_passed_on),
	KUNIT_CASE(the_end_of_the_guest_is_told),
	KUNIT_CASE(hlt_waits_for_a_signal),
	KUNIT_CASE(ring_3_does_not_halt),
	KUNIT_CASE(every_exit_is_counted),
	KUNIT_CASE(a_signal_keeps_it_out),
	KUNIT_CASE(a_signal_gets_it_out),
	KUNIT_CASE(work_for_user_mode_is_done_there_once),
	KUNIT_CASE(it_stays_where_user_space_wants_it),
	KUNIT_CASE(a_cpu_that_goes_away_keeps_it_waiting),
	KUNIT_CASE(a_machine_that_goes_down_keeps_it_out),
	KUNIT_CASE(the_run_page_is_checked),
	KUNIT_CASE(the_run_page_is_read_once),
	KUNIT_CASE(translations_are_flushed_when_they_are_old),
	KUNIT_CASE(a_change_of_page_tables_is_told_to_all),
	KUNIT_CASE(a_flush_waits_until_the_guest_is_out),
	KUNIT_CASE(it_follows_its_thread_to_another_cpu),
	KUNIT_CASE(breakpoints_are_the_guest_s_own),
	KUNIT_CASE(extended_state_is_the_guest_s_own),
	{}
};

static struct kunit_suite run_suite = {
	.name = "dune_run",
	.init = process_init,
	.exit = process_exit,
	.test_cases = run_cases,
};

kunit_test_suite(run_suite);
