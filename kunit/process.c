// SPDX-License-Identifier: GPL-2.0-only
/* A process with memory, on a machine whose backend is the fake. */
#include <linux/delay.h>
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/kthread.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/pid.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/static_call.h>
#include <linux/uaccess.h>
#include <linux/workqueue.h>

#include "../core/compat.h"
#include "../core/hardware.h"
#include "../core/kernel_function.h"
#include "../core/vcpu.h"
#include "fake_hal.h"
#include "process.h"

#define FILES	4

/**
 * struct process - a process
 * @mm: its memory
 * @buffer: a page of that, for what calls read and write
 * @files: its virtual CPUs
 * @signal: sends it a signal
 * @task: to this thread
 * @pid: which has this number
 * @pid_users: who holds that, before there is a space that does
 * @hal: the machine's own backend
 * @caps: what that found
 */
struct process {
	struct mm_struct *mm;
	unsigned long buffer;
	struct file *files[FILES];
	struct delayed_work signal;
	struct task_struct *task;
	struct pid *pid;
	unsigned int pid_users;
	const struct dune_hal *hal;
	struct dune_caps caps;
};

/* A kernel thread gets memory by functions that are not exported. */
DEFINE_STATIC_CALL_NULL(process_mm_alloc, mm_alloc);
DEFINE_STATIC_CALL_NULL(process_pick_layout, arch_pick_mmap_layout);

static struct mm_struct *make_mm(void)
{
	void *alloc = dune_find_function("mm_alloc");
	void *pick = dune_find_function("arch_pick_mmap_layout");
	struct mm_struct *mm;

	if (!alloc || !pick)
		return NULL;
	static_call_update(process_mm_alloc, alloc);
	static_call_update(process_pick_layout, pick);
	mm = static_call(process_mm_alloc)();
	if (!mm)
		return NULL;
	mm->task_size = TASK_SIZE;
	static_call(process_pick_layout)(mm,
					 &current->signal->rlim[RLIMIT_STACK]);
	return mm;
}

/* Puts the fake into the place of the machine's own backend. */
static bool take_machine(struct process *process)
{
	bool taken = false;

	mutex_lock(&dune_hardware.lock);
	if (!dune_hardware.users) {
		process->hal = dune_hardware.hal;
		process->caps = dune_hardware.caps;
		dune_hardware.hal = &fake_hal_ops;
		fake_hal_ops.probe(&dune_hardware.caps, NULL);
		taken = true;
	}
	mutex_unlock(&dune_hardware.lock);
	/* It takes the hotplug lock, which comes before. */
	if (taken)
		dune_run_init();
	return taken;
}

static void give_machine_back(struct process *process)
{
	mutex_lock(&dune_hardware.lock);
	dune_hardware.hal = process->hal;
	dune_hardware.caps = process->caps;
	dune_hardware.down = false;
	mutex_unlock(&dune_hardware.lock);
	if (process->hal)
		dune_run_init();
}

static void send_signal(struct work_struct *work)
{
	struct process *process = container_of(work, struct process,
					       signal.work);

	send_sig(SIGUSR1, process->task, 0);
}

/**
 * process_init() - make the calling thread a process
 * @test: the test; its priv is taken
 *
 * Return: 0 or a negative errno.
 */
int process_init(struct kunit *test)
{
	struct process *process = kunit_kzalloc(test, sizeof(*process),
						GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, process);
	fake_hal_reset();
	if (!take_machine(process))
		kunit_skip(test, "somebody uses Dune on this machine");
	test->priv = process;
	INIT_DELAYED_WORK(&process->signal, send_signal);
	process->task = get_task_struct(current);
	process->pid = get_pid(task_tgid(current));
	process->pid_users = refcount_read(&process->pid->count);
	allow_signal(SIGUSR1);

	process->mm = make_mm();
	KUNIT_ASSERT_NOT_NULL(test, process->mm);
	process_enter(test);
	process->buffer = process_map(test, PAGE_SIZE, PROT_READ | PROT_WRITE,
				      MAP_PRIVATE);
	return 0;
}

/* A file that is mapped is closed some time after its process is gone. */
static void wait_for_files(void)
{
	int i;

	for (i = 0; i < 100 && fake_hal.vcpus; i++) {
		flush_delayed_fput();
		msleep(20);
	}
}

/**
 * process_exit() - end the process
 * @test: the test
 *
 * Nothing must be left of it.
 */
void process_exit(struct kunit *test)
{
	struct process *process = test->priv;
	int i;

	if (!process)
		return;
	cancel_delayed_work_sync(&process->signal);
	put_task_struct(process->task);
	for (i = 0; i < FILES; i++)
		if (process->files[i])
			process_close(test, process->files[i]);
	process_end(test);
	wait_for_files();
	dune_space_synchronize();

	KUNIT_EXPECT_EQ(test, 0, fake_hal.vcpus);
	/* No space is left. */
	KUNIT_EXPECT_LE(test, refcount_read(&process->pid->count),
			process->pid_users);
	put_pid(process->pid);
	KUNIT_EXPECT_EQ(test, fake_hal.loads, fake_hal.puts);
	KUNIT_EXPECT_EQ(test, 0, atomic_read(&fake_hal.broken));
	KUNIT_EXPECT_EQ(test, 0U, dune_hardware.users);
	KUNIT_EXPECT_TRUE(test, cpumask_empty(&fake_hal.on));
	give_machine_back(process);
}

/** process_set_phys_bits() - how wide a guest-physical address is to be */
void process_set_phys_bits(unsigned int bits)
{
	dune_hardware.caps.guest_phys_bits = bits;
}

/** process_mm() - the memory of the process */
struct mm_struct *process_mm(struct kunit *test)
{
	struct process *process = test->priv;

	return process->mm;
}

/** process_enter() - the thread becomes one of the process */
void process_enter(struct kunit *test)
{
	struct process *process = test->priv;

	/* Given back by process_leave(), or by the end of the thread. */
	mmget(process->mm);
	kthread_use_mm(process->mm);
}

/** process_leave() - the thread no longer is one of the process */
void process_leave(struct kunit *test)
{
	struct process *process = test->priv;

	kthread_unuse_mm(process->mm);
	mmput(process->mm);
}

/** process_end() - its memory goes, its descriptors stay */
void process_end(struct kunit *test)
{
	struct process *process = test->priv;

	if (!process->mm)
		return;
	/* If the test was given up, its thread is gone, which left it too. */
	if (current->mm == process->mm)
		process_leave(test);
	mmput(process->mm);
	process->mm = NULL;
}

/** process_map() - anonymous memory */
unsigned long process_map(struct kunit *test, unsigned long size,
			  unsigned long prot, unsigned long flags)
{
	unsigned long address = vm_mmap(NULL, 0, size, prot,
					flags | MAP_ANONYMOUS, 0);

	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(address));
	return address;
}

/** process_write() - put something into its memory */
void process_write(struct kunit *test, unsigned long address, const void *from,
		   size_t len)
{
	KUNIT_ASSERT_EQ(test, 0UL,
			copy_to_user((void __user *)address, from, len));
}

/** process_pud() - an entry of its page table, which has one there */
pud_t *process_pud(struct kunit *test, unsigned long address)
{
	p4d_t *p4d = p4d_offset(pgd_offset(process_mm(test), address), address);

	KUNIT_ASSERT_FALSE(test, p4d_none(*p4d));
	return pud_offset(p4d, address);
}

/** process_pte() - likewise, of the lowest level */
pte_t *process_pte(struct kunit *test, unsigned long address)
{
	pmd_t *pmd = pmd_offset(process_pud(test, address), address);

	KUNIT_ASSERT_TRUE(test, pmd_present(*pmd) && !pmd_leaf(*pmd));
	return pte_offset_kernel(pmd, address);
}

/** process_vcpu_file() - make a virtual CPU */
struct file *process_vcpu_file(struct kunit *test)
{
	struct process *process = test->priv;
	struct file *file;
	int i = 0, fd = dune_vcpu_create_fd(NULL);

	KUNIT_ASSERT_GE(test, fd, 0);
	file = fget(fd);
	/* Kernel threads share one table of descriptors: do not stay there. */
	close_fd(fd);
	while (i < FILES - 1 && process->files[i])
		i++;
	KUNIT_ASSERT_NULL(test, process->files[i]);
	process->files[i] = file;
	return file;
}

/** process_vcpu() - make a virtual CPU, when its file does not matter */
struct dune_vcpu *process_vcpu(struct kunit *test)
{
	return process_vcpu_file(test)->private_data;
}

struct closing {
	struct work_struct work;
	struct file *file;
};

static void close_file(struct work_struct *work)
{
	__fput_sync(container_of(work, struct closing, work)->file);
}

/**
 * process_close() - close a virtual CPU
 * @test: the test
 * @file: the virtual CPU's
 *
 * At once, which only kernel threads can do; a test that was given up is ended
 * by another thread.
 */
void process_close(struct kunit *test, struct file *file)
{
	struct process *process = test->priv;
	struct closing closing = { .file = file };
	int i;

	for (i = 0; i < FILES; i++)
		if (process->files[i] == file)
			process->files[i] = NULL;
	INIT_WORK_ONSTACK(&closing.work, close_file);
	schedule_work(&closing.work);
	flush_work(&closing.work);
	destroy_work_on_stack(&closing.work);
}

/**
 * process_ioctl() - a call on the first virtual CPU
 * @test: the test
 * @request: which
 * @arg: its argument, which is copied to the process and back
 *
 * Return: its result.
 */
long process_ioctl(struct kunit *test, unsigned int request, void *arg)
{
	struct process *process = test->priv;
	struct file *file = process->files[0];
	void __user *buffer = (void __user *)process->buffer;
	long ret;

	if (_IOC_SIZE(request))
		process_write(test, process->buffer, arg, _IOC_SIZE(request));
	ret = file->f_op->unlocked_ioctl(file, request, process->buffer);
	if (_IOC_SIZE(request))
		KUNIT_EXPECT_EQ(test, 0UL, copy_from_user(arg, buffer,
							  _IOC_SIZE(request)));
	return ret;
}

/**
 * process_run() - DUNE_RUN on the first virtual CPU
 * @test: the test
 * @script: why the guest leaves
 * @length: how often
 *
 * Return: its result.
 */
long process_run(struct kunit *test, const struct dune_exit *script,
		 unsigned int length)
{
	long ret;

	fake_hal.script = script;
	fake_hal.script_length = length;
	fake_hal.runs = 0;
	fake_hal.event_count = 0;
	ret = process_ioctl(test, DUNE_RUN, NULL);
	fake_hal.script_length = 0;
	return ret;
}

/** process_ran_to_end() - was that all of the script, and nothing came up */
bool process_ran_to_end(struct dune_vcpu *vcpu)
{
	return vcpu->run->exit_reason == DUNE_EXIT_UNKNOWN &&
	       vcpu->run->hardware_reason == FAKE_END;
}

/**
 * process_was_given() - did the guest get this
 * @number: counted from 0
 * @vector: which exception or interrupt
 * @error_code: its error code, or NO_ERROR_CODE
 *
 * Return: whether it did, in the last run.
 */
bool process_was_given(unsigned int number, u8 vector, s64 error_code)
{
	const struct dune_event *event = &fake_hal.events[number];

	return number < min_t(unsigned int, fake_hal.event_count, FAKE_EVENTS) &&
	       event->vector == vector &&
	       event->has_error_code == (error_code != NO_ERROR_CODE) &&
	       (!event->has_error_code || event->error_code == error_code);
}

/** process_signal() - send the calling thread a signal */
void process_signal(void)
{
	send_sig(SIGUSR1, current, 0);
}

/** process_signal_later() - send it after some milliseconds */
void process_signal_later(struct kunit *test, unsigned int ms)
{
	struct process *process = test->priv;

	schedule_delayed_work(&process->signal, msecs_to_jiffies(ms));
}

/** process_no_signal() - forget those that came */
void process_no_signal(void)
{
	flush_signals(current);
}
