// SPDX-License-Identifier: GPL-2.0-only
/*
 * A seccomp filter has its say on the kernel's entry path only, so a thread that
 * has one takes the plain path. What it would say is known in advance for calls
 * that it allows by their number alone, if it is known which filter it is: one
 * that is put on the thread through us, and the only one. It stays the thread's,
 * and its children's, until they add another to it.
 */
#include <linux/anon_inodes.h>
#include <linux/audit.h>
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/module.h>
#include <linux/seccomp.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "compat.h"
#include "filter.h"
#include "syscall.h"

static int release(struct inode *inode, struct file *file)
{
	struct dune_filter *filter = file->private_data;

	if (filter->listener)
		fput(filter->listener);
	kfree(filter);
	return 0;
}

static const struct file_operations fops = {
	.owner = THIS_MODULE,
	.release = release,
	.llseek = noop_llseek,
};

static bool jumps(const struct sock_filter *insn, u32 value)
{
	switch (BPF_OP(insn->code)) {
	case BPF_JEQ:
		return value == insn->k;
	case BPF_JGT:
		return value > insn->k;
	case BPF_JGE:
		return value >= insn->k;
	default:
		return value & insn->k;
	}
}

/* Does it come to ALLOW with nothing but the number? */
static bool allows(const struct sock_fprog_kern *program, u32 number)
{
	const struct sock_filter *insn;
	u32 value = 0, i;

	for (i = 0; i < program->len; i++) {
		insn = &program->filter[i];
		switch (insn->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			if (insn->k == offsetof(struct seccomp_data, nr))
				value = number;
			else if (insn->k == offsetof(struct seccomp_data, arch))
				value = AUDIT_ARCH_X86_64;
			else
				return false;
			break;
		case BPF_ALU | BPF_AND | BPF_K:
			value &= insn->k;
			break;
		case BPF_JMP | BPF_JA:
			/* no further than the kernel has let it */
			if (insn->k >= program->len)
				return false;
			i += insn->k;
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
		case BPF_JMP | BPF_JGT | BPF_K:
		case BPF_JMP | BPF_JGE | BPF_K:
		case BPF_JMP | BPF_JSET | BPF_K:
			i += jumps(insn, value) ? insn->jt : insn->jf;
			break;
		case BPF_RET | BPF_K:
			return insn->k == SECCOMP_RET_ALLOW;
		default:
			return false;
		}
	}
	return false;
}

/**
 * dune_filter_judge() - find the calls that a filter always allows
 * @filter: its @allowed is filled
 * @program: what it does; need not be valid
 */
void dune_filter_judge(struct dune_filter *filter,
		       const struct sock_fprog_kern *program)
{
	u32 number;

	for (number = 0; number < NR_syscalls; number++) {
		if (allows(program, number))
			__set_bit(number, filter->allowed);
		cond_resched();
	}
}
EXPORT_SYMBOL_IF_DUNE_KUNIT(dune_filter_judge);

#ifdef CONFIG_SECCOMP_FILTER
/* Nobody is there to be notified; and what is computed may be that. */
static bool may_notify(const struct sock_fprog_kern *program)
{
	const struct sock_filter *insn = program->filter;
	unsigned int i;

	for (i = 0; i < program->len; i++, insn++) {
		if (insn->code == (BPF_RET | BPF_A) ||
		    (insn->code == (BPF_RET | BPF_K) &&
		     (insn->k & SECCOMP_RET_ACTION_FULL) ==
		     SECCOMP_RET_USER_NOTIF))
			return true;
	}
	return false;
}

static struct dune_filter *judge(u64 uprogram)
{
	struct dune_filter *filter = ERR_PTR(-EINVAL);
	struct sock_fprog_kern program;
	struct sock_fprog copy;

	if (copy_from_user(&copy, u64_to_user_ptr(uprogram), sizeof(copy)))
		return ERR_PTR(-EFAULT);
	if (!copy.len || copy.len > BPF_MAXINSNS)
		return ERR_PTR(-EINVAL);
	program.len = copy.len;
	program.filter = memdup_user(copy.filter,
				     copy.len * sizeof(*copy.filter));
	if (IS_ERR(program.filter))
		return ERR_CAST(program.filter);
	if (may_notify(&program))
		goto free_program;
	filter = kzalloc(sizeof(*filter), GFP_KERNEL_ACCOUNT);
	if (!filter) {
		filter = ERR_PTR(-ENOMEM);
		goto free_program;
	}
	filter->seccomp = filter;
	dune_filter_judge(filter, &program);
free_program:
	kfree(program.filter);
	return filter;
}

/*
 * Another thread can put another file in the listener's place. To keep that
 * could be to keep it for ever, if it in turn refers to us.
 */
static bool is_listener(const struct dune_filter *filter,
			const struct file *file)
{
	return file_inode(file) == file_inode(filter->file) &&
	       file->private_data == current->seccomp.filter;
}

/*
 * The kernel gives a listener, which refers to its filter. The program is read
 * anew: who changes it meanwhile deceives nobody else, and could have done
 * without a filter.
 */
static long add(struct dune_filter *filter, u64 program)
{
	struct file *file;
	long fd;

	/* Now, and not before it was waited for the program. */
	if (!dune_syscall_is_possible())
		return -EOPNOTSUPP;
	fd = dune_syscall_here(__NR_seccomp, SECCOMP_SET_MODE_FILTER,
			       SECCOMP_FILTER_FLAG_NEW_LISTENER, program);
	if (fd < 0)
		return fd;
	file = fget(fd);
	close_fd(fd);
	if (!file)
		return 0;
	if (!is_listener(filter, file) ||
	    atomic_read(&current->seccomp.filter_count) != 1) {
		fput(file);
		return 0;
	}
	filter->listener = file;
	filter->seccomp = current->seccomp.filter;
	return 0;
}
#else
static struct dune_filter *judge(u64 program)
{
	return ERR_PTR(-EOPNOTSUPP);
}

static long add(struct dune_filter *filter, u64 program)
{
	return -EOPNOTSUPP;
}
#endif

/**
 * dune_filter_add() - put a filter on the calling thread
 * @program: where its struct sock_fprog is
 *
 * Return: a new descriptor, or a negative errno as DUNE_ADD_FILTER.
 */
int dune_filter_add(u64 program)
{
	struct dune_filter *filter;
	long err;
	int fd;

	filter = judge(program);
	if (IS_ERR(filter))
		return PTR_ERR(filter);
	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0) {
		kfree(filter);
		return fd;
	}
	filter->file = anon_inode_getfile("dune-filter", &fops, filter, O_RDWR);
	if (IS_ERR(filter->file)) {
		err = PTR_ERR(filter->file);
		kfree(filter);
		goto put_fd;
	}
	err = add(filter, program);
	if (err) {
		fput(filter->file);
		goto put_fd;
	}
	fd_install(fd, filter->file);
	return fd;

put_fd:
	put_unused_fd(fd);
	return err;
}
EXPORT_SYMBOL_IF_DUNE_KUNIT(dune_filter_add);

/**
 * dune_filter_get() - the filter that a descriptor is of
 * @fd: the descriptor
 *
 * Return: it, to be put; -EBADF; -EINVAL if the descriptor is of something else.
 */
struct dune_filter *dune_filter_get(int fd)
{
	struct file *file = fget(fd);

	if (!file)
		return ERR_PTR(-EBADF);
	if (file->f_op != &fops) {
		fput(file);
		return ERR_PTR(-EINVAL);
	}
	return file->private_data;
}
EXPORT_SYMBOL_IF_DUNE_KUNIT(dune_filter_get);

/**
 * dune_filter_put() - the opposite of dune_filter_get()
 * @filter: or NULL
 */
void dune_filter_put(struct dune_filter *filter)
{
	if (filter)
		fput(filter->file);
}
EXPORT_SYMBOL_IF_DUNE_KUNIT(dune_filter_put);
