// SPDX-License-Identifier: GPL-2.0-only
/* Virtual CPUs and the descriptors that hold them. */
#include <linux/anon_inodes.h>
#include <linux/bitops.h>
#include <linux/cpu.h>
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/percpu.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <asm/cpufeature.h>
#include <asm/desc_defs.h>
#include <asm/msr.h>
#include <asm/segment.h>

#include "compat.h"
#include "filter.h"
#include "hardware.h"
#include "stats.h"
#include "vcpu.h"

/* The number of the space whose guest a CPU ran last. */
static DEFINE_PER_CPU(u64, last_space);

static const struct dune_hal *hal(void)
{
	return dune_hardware.hal;
}

/*
 * The kernel's own barrier at a change of process trusts that user code cannot
 * train what ring 0 uses. In a guest it can, for the ring 0 of the next one.
 */
static void separate_processes(const struct dune_space *space)
{
	if (this_cpu_read(last_space) == space->number)
		return;
	this_cpu_write(last_space, space->number);
	if (boot_cpu_has(X86_FEATURE_IBPB) && !cpu_mitigations_off())
		wrmsrq(MSR_IA32_PRED_CMD, PRED_CMD_IBPB);
}

/* On this CPU, with preemption off. */
static void load(struct dune_vcpu *vcpu)
{
	separate_processes(vcpu->space);
	hal()->vcpu_load(vcpu);
}

/* An exit, and what the backend keeps of the host, do not know the LDT of now. */
static void restore_ldt(void)
{
	unsigned long flags;

	if (!dune_has_ldt(current->mm))
		return;
	/* Another thread may change it, by an interrupt. */
	local_irq_save(flags);
	asm volatile("lldt %w0" : : "q" (GDT_ENTRY_LDT * 8));
	local_irq_restore(flags);
}

static void put(struct dune_vcpu *vcpu)
{
	hal()->vcpu_put(vcpu);
	restore_ldt();
}

static void sched_in(struct preempt_notifier *notifier, int cpu)
{
	struct dune_vcpu *vcpu = container_of(notifier, struct dune_vcpu,
					      notifier);

	load(vcpu);
}

static void sched_out(struct preempt_notifier *notifier,
		      struct task_struct *next)
{
	struct dune_vcpu *vcpu = container_of(notifier, struct dune_vcpu,
					      notifier);

	put(vcpu);
}

static struct preempt_ops preempt_ops = {
	.sched_in = sched_in,
	.sched_out = sched_out,
};

/**
 * dune_vcpu_load() - bring a virtual CPU to the calling thread's CPU
 * @vcpu: locked
 */
void dune_vcpu_load(struct dune_vcpu *vcpu)
{
	preempt_disable();
	preempt_notifier_register(&vcpu->notifier);
	load(vcpu);
	preempt_enable();
}

/**
 * dune_vcpu_put() - the opposite of dune_vcpu_load()
 * @vcpu: locked
 */
void dune_vcpu_put(struct dune_vcpu *vcpu)
{
	preempt_disable();
	put(vcpu);
	preempt_notifier_unregister(&vcpu->notifier);
	preempt_enable();
}

/**
 * dune_vcpu_get_controls() - read the control registers
 * @vcpu: loaded
 * @controls: filled
 */
void dune_vcpu_get_controls(struct dune_vcpu *vcpu,
			    struct dune_controls *controls)
{
	preempt_disable();
	hal()->get_controls(vcpu, controls);
	preempt_enable();
}

/**
 * dune_vcpu_set_controls() - write the control registers
 * @vcpu: loaded
 * @controls: good values
 */
void dune_vcpu_set_controls(struct dune_vcpu *vcpu,
			    const struct dune_controls *controls)
{
	preempt_disable();
	vcpu->dr7 = controls->dr7;
	hal()->set_controls(vcpu, controls);
	/* What was cached is of other rights or another table. */
	hal()->vcpu_flush(vcpu);
	preempt_enable();
}

static int join_space(struct dune_vcpu *vcpu)
{
	struct dune_space *space = vcpu->space;
	int err = 0;

	spin_lock(&space->lock);
	if (space->vcpu_count == DUNE_MAX_VCPUS) {
		err = -ENOSPC;
	} else {
		space->vcpu_count++;
		list_add(&vcpu->link, &space->vcpus);
	}
	spin_unlock(&space->lock);
	return err;
}

static void leave_space(struct dune_vcpu *vcpu)
{
	struct dune_space *space = vcpu->space;

	spin_lock(&space->lock);
	list_del(&vcpu->link);
	space->vcpu_count--;
	dune_stats_add(&space->past, &vcpu->stats);
	spin_unlock(&space->lock);
}

static void write_state(struct dune_vcpu *vcpu, const struct dune_state *state)
{
	const struct dune_controls controls = {
		.cr0 = state->cr0,
		.cr3 = state->cr3,
		.cr4 = state->cr4,
		.efer = state->efer,
		.dr7 = state->dr7,
	};

	vcpu->cr2 = state->cr2;
	vcpu->cr8 = state->cr8;
	vcpu->dr[0] = state->dr0;
	vcpu->dr[1] = state->dr1;
	vcpu->dr[2] = state->dr2;
	vcpu->dr[3] = state->dr3;
	vcpu->dr6 = state->dr6;
	vcpu->xcr0 = state->xcr0;
	/* What the guest was about to get belongs to the state before. */
	vcpu->event.type = DUNE_EVENT_NONE;

	dune_vcpu_load(vcpu);
	preempt_disable();
	hal()->set_state(vcpu, state);
	preempt_enable();
	dune_vcpu_set_controls(vcpu, &controls);
	dune_vcpu_put(vcpu);
}

static void read_state(struct dune_vcpu *vcpu, struct dune_state *state)
{
	struct dune_controls controls;

	dune_vcpu_load(vcpu);
	preempt_disable();
	hal()->get_state(vcpu, state);
	preempt_enable();
	dune_vcpu_get_controls(vcpu, &controls);
	dune_vcpu_put(vcpu);

	state->cr0 = controls.cr0;
	state->cr2 = vcpu->cr2;
	state->cr3 = controls.cr3;
	state->cr4 = controls.cr4;
	state->efer = controls.efer;
	state->cr8 = vcpu->cr8;
	state->dr0 = vcpu->dr[0];
	state->dr1 = vcpu->dr[1];
	state->dr2 = vcpu->dr[2];
	state->dr3 = vcpu->dr[3];
	state->dr6 = vcpu->dr6;
	state->dr7 = controls.dr7;
	state->xcr0 = vcpu->xcr0;
}

/**
 * dune_vcpu_reset() - give a virtual CPU the state of a new one
 * @vcpu: locked, not loaded
 */
void dune_vcpu_reset(struct dune_vcpu *vcpu)
{
	struct dune_state state;

	dune_state_default(&state);
	write_state(vcpu, &state);
}

static struct dune_vcpu *vcpu_create(void)
{
	struct dune_vcpu *vcpu;
	int err = -ENOMEM;

	vcpu = kzalloc(sizeof(*vcpu), GFP_KERNEL_ACCOUNT);
	if (!vcpu)
		return ERR_PTR(-ENOMEM);
	preempt_notifier_init(&vcpu->notifier, &preempt_ops);
	vcpu->in_guest = -1;
	vcpu->tlb_generation = -1;

	vcpu->run = (struct dune_run *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!vcpu->run)
		goto free_vcpu;
	err = dune_hardware_get(&dune_hardware);
	if (err)
		goto free_run;
	vcpu->space = dune_space_get();
	err = PTR_ERR_OR_ZERO(vcpu->space);
	if (err)
		goto put_hardware;
	err = hal()->vcpu_create(vcpu);
	if (err)
		goto put_space;
	err = join_space(vcpu);
	if (err)
		goto destroy_hw;
	preempt_notifier_inc();
	dune_vcpu_reset(vcpu);
	return vcpu;

destroy_hw:
	hal()->vcpu_destroy(vcpu);
put_space:
	dune_space_put(vcpu->space);
put_hardware:
	dune_hardware_put(&dune_hardware);
free_run:
	free_page((unsigned long)vcpu->run);
free_vcpu:
	kfree(vcpu);
	return ERR_PTR(err);
}

static void vcpu_destroy(struct dune_vcpu *vcpu)
{
	preempt_notifier_dec();
	leave_space(vcpu);
	hal()->vcpu_destroy(vcpu);
	dune_filter_put(vcpu->filter);
	dune_space_put(vcpu->space);
	dune_hardware_put(&dune_hardware);
	free_page((unsigned long)vcpu->run);
	kfree(vcpu);
}

static long get_state(struct dune_vcpu *vcpu, void __user *ustate)
{
	struct dune_state state = { 0 };

	read_state(vcpu, &state);
	return copy_to_user(ustate, &state, sizeof(state)) ? -EFAULT : 0;
}

static long set_state(struct dune_vcpu *vcpu, void __user *ustate)
{
	struct dune_state state;
	int err;

	if (copy_from_user(&state, ustate, sizeof(state)))
		return -EFAULT;
	err = dune_state_check(&state);
	if (err)
		return err;
	write_state(vcpu, &state);
	return 0;
}

static long get_window(struct dune_vcpu *vcpu, void __user *uwindow)
{
	struct dune_window window;
	int err;

	if (copy_from_user(&window, uwindow, sizeof(window)))
		return -EFAULT;
	if (window.flags || window.reserved)
		return -EINVAL;
	err = dune_window_get(vcpu->space, window.address,
			      &window.guest_physical);
	if (err)
		return err;
	return copy_to_user(uwindow, &window, sizeof(window)) ? -EFAULT : 0;
}

static long get_stats(struct dune_vcpu *vcpu, void __user *ustats)
{
	struct dune_stats stats;

	if (copy_from_user(&stats, ustats, sizeof(stats)))
		return -EFAULT;
	if (stats.flags || memchr_inv(stats.reserved, 0, sizeof(stats.reserved)))
		return -EINVAL;
	dune_stats_read(vcpu->space, &stats);
	return copy_to_user(ustats, &stats, sizeof(stats)) ? -EFAULT : 0;
}

/* All there are: a flush of some would save the guest little. */
static long flush(struct dune_vcpu *vcpu, void __user *uflush)
{
	struct dune_space *space = vcpu->space;
	struct dune_flush flush;

	if (copy_from_user(&flush, uflush, sizeof(flush)))
		return -EFAULT;
	if (flush.flags || flush.address + flush.size < flush.address ||
	    memchr_inv(flush.reserved, 0, sizeof(flush.reserved)))
		return -EINVAL;
	spin_lock(&space->lock);
	dune_space_flush(space);
	spin_unlock(&space->lock);
	return 0;
}

static long locked_ioctl(struct dune_vcpu *vcpu, unsigned int request,
			 unsigned long arg)
{
	void __user *uarg = (void __user *)arg;

	switch (request) {
	case DUNE_RUN:
		return dune_vcpu_run(vcpu);
	case DUNE_GET_STATE:
		return get_state(vcpu, uarg);
	case DUNE_SET_STATE:
		return set_state(vcpu, uarg);
	case DUNE_GET_WINDOW:
		return get_window(vcpu, uarg);
	case DUNE_GET_STATS:
		return get_stats(vcpu, uarg);
	case DUNE_FLUSH:
		return flush(vcpu, uarg);
	default:
		return -ENOTTY;
	}
}

static long dune_vcpu_ioctl(struct file *file, unsigned int request,
			    unsigned long arg)
{
	struct dune_vcpu *vcpu = file->private_data;
	long ret;

	if (!dune_space_is_current(vcpu->space))
		return -EIO;
	if (test_and_set_bit_lock(0, &vcpu->busy))
		return -EBUSY;
	/* A system call that is made in here may close the descriptor. */
	get_file(file);
	ret = locked_ioctl(vcpu, request, arg);
	clear_bit_unlock(0, &vcpu->busy);
	fput(file);
	return ret;
}

static const char *run_page_name(struct vm_area_struct *vma)
{
	return "[dune]";
}

/* What has a name is in cores, which so tell where the guest was. */
static const struct vm_operations_struct run_page_ops = {
	.name = run_page_name,
};

static int dune_vcpu_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct dune_vcpu *vcpu = file->private_data;

	if (!dune_space_is_current(vcpu->space))
		return -EIO;
	if (vma->vm_pgoff || vma->vm_end - vma->vm_start != PAGE_SIZE ||
	    (vma->vm_flags & VM_EXEC))
		return -EINVAL;
	/*
	 * Who makes a virtual CPU maps it before it runs. Code of ring 3 that
	 * gets hold of the descriptor later is not to see ring 0's registers.
	 */
	if (test_and_set_bit(0, &vcpu->mapped))
		return -EBUSY;
	/* The page is this virtual CPU's: a child of fork() has its own. */
	dune_vm_flags_set(vma, VM_DONTCOPY | VM_DONTEXPAND);
	vma->vm_ops = &run_page_ops;
	return vm_insert_page(vma, vma->vm_start, virt_to_page(vcpu->run));
}

static int dune_vcpu_release(struct inode *inode, struct file *file)
{
	vcpu_destroy(file->private_data);
	return 0;
}

static const struct file_operations dune_vcpu_fops = {
	.owner = THIS_MODULE,
	.release = dune_vcpu_release,
	.unlocked_ioctl = dune_vcpu_ioctl,
	.mmap = dune_vcpu_mmap,
	.llseek = noop_llseek,
};

/**
 * dune_vcpu_create_fd() - make a virtual CPU for the calling process
 * @filter: what is known of the thread's seccomp filter, or NULL; is put
 *
 * Return: a new descriptor, or a negative errno as DUNE_CREATE_VCPU.
 */
int dune_vcpu_create_fd(struct dune_filter *filter)
{
	struct dune_vcpu *vcpu = vcpu_create();
	int fd;

	if (IS_ERR(vcpu)) {
		dune_filter_put(filter);
		return PTR_ERR(vcpu);
	}
	vcpu->filter = filter;
	fd = anon_inode_getfd("dune-vcpu", &dune_vcpu_fops, vcpu,
			      O_RDWR | O_CLOEXEC);
	if (fd < 0)
		vcpu_destroy(vcpu);
	return fd;
}
EXPORT_SYMBOL_IF_DUNE_KUNIT(dune_vcpu_create_fd);
