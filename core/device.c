// SPDX-License-Identifier: GPL-2.0-only
/* /dev/dune: validates what user space asks, then hands it on. */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <uapi/linux/dune.h>

#include "compat.h"
#include "device.h"
#include "filter.h"
#include "hardware.h"
#include "vcpu.h"

static long get_info(struct dune_info __user *uinfo)
{
	const struct dune_hal *hal = dune_hardware.hal;
	struct dune_info info;

	if (copy_from_user(&info, uinfo, sizeof(info)))
		return -EFAULT;
	if (info.flags ||
	    memchr_inv(info.reserved, 0, sizeof(info.reserved)))
		return -EINVAL;

	info = (struct dune_info) {
		.abi_version = DUNE_ABI_VERSION,
		.backend = hal->backend,
		.guest_phys_bits = dune_hardware.caps.guest_phys_bits,
		.features = dune_hardware.caps.features,
		.nested_page_sizes = dune_hardware.caps.nested_page_sizes,
		.tlb_tags = dune_hardware.caps.tlb_tags,
		.max_vcpus = DUNE_MAX_VCPUS,
		.hypercall_len = hal->hypercall_len,
	};
	memcpy(info.hypercall, hal->hypercall, sizeof(info.hypercall));

	return copy_to_user(uinfo, &info, sizeof(info)) ? -EFAULT : 0;
}

static long create_vcpu(struct dune_create_vcpu __user *uargs)
{
	struct dune_filter *filter = NULL;
	struct dune_create_vcpu args;

	if (copy_from_user(&args, uargs, sizeof(args)))
		return -EFAULT;
	if (args.flags & ~DUNE_VCPU_FILTER ||
	    (!args.flags && args.filter) ||
	    memchr_inv(args.reserved, 0, sizeof(args.reserved)))
		return -EINVAL;
	if (args.flags & DUNE_VCPU_FILTER)
		filter = dune_filter_get(args.filter);
	if (IS_ERR(filter))
		return PTR_ERR(filter);
	return dune_vcpu_create_fd(filter);
}

static long add_filter(struct dune_add_filter __user *uargs)
{
	struct dune_add_filter args;

	if (copy_from_user(&args, uargs, sizeof(args)))
		return -EFAULT;
	if (args.flags || memchr_inv(args.reserved, 0, sizeof(args.reserved)))
		return -EINVAL;
	return dune_filter_add(args.program);
}

static long dune_device_ioctl(struct file *file, unsigned int request,
			      unsigned long arg)
{
	void __user *uarg = (void __user *)arg;

	switch (request) {
	case DUNE_GET_INFO:
		return get_info(uarg);
	case DUNE_CREATE_VCPU:
		return create_vcpu(uarg);
	case DUNE_ADD_FILTER:
		return add_filter(uarg);
	default:
		return -ENOTTY;
	}
}

const struct file_operations dune_device_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = dune_device_ioctl,
	.llseek = noop_llseek,
};
EXPORT_SYMBOL_IF_DUNE_KUNIT(dune_device_fops);

/* Any user may open it: nothing here gives a process more than it has. */
static struct miscdevice dune_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "dune",
	.mode = 0666,
	.fops = &dune_device_fops,
};

/**
 * dune_device_register() - make /dev/dune
 *
 * Return: 0 or a negative errno.
 */
int dune_device_register(void)
{
	return misc_register(&dune_device);
}

/** dune_device_unregister() - take /dev/dune away */
void dune_device_unregister(void)
{
	misc_deregister(&dune_device);
}
