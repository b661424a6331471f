// SPDX-License-Identifier: GPL-2.0-only
/* Virtual CPUs and the descriptors that hold them. */
#include <linux/anon_inodes.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/module.h>

#include "hardware.h"
#include "vcpu.h"

static int dune_vcpu_release(struct inode *inode, struct file *file)
{
	dune_hardware_put(&dune_hardware);
	return 0;
}

static long dune_vcpu_ioctl(struct file *file, unsigned int request,
			    unsigned long arg)
{
	return -ENOTTY;
}

static const struct file_operations dune_vcpu_fops = {
	.owner = THIS_MODULE,
	.release = dune_vcpu_release,
	.unlocked_ioctl = dune_vcpu_ioctl,
	.llseek = noop_llseek,
};

/**
 * dune_vcpu_create_fd() - make a virtual CPU for the calling process
 *
 * Return: a new descriptor, or a negative errno as DUNE_CREATE_VCPU.
 */
int dune_vcpu_create_fd(void)
{
	int fd, err;

	err = dune_hardware_get(&dune_hardware);
	if (err)
		return err;
	fd = anon_inode_getfd("dune-vcpu", &dune_vcpu_fops, NULL,
			      O_RDWR | O_CLOEXEC);
	if (fd < 0)
		dune_hardware_put(&dune_hardware);
	return fd;
}
