// SPDX-License-Identifier: LGPL-2.1-or-later
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

int dune_query_info(struct dune_info *info)
{
	int fd = open("/dev/dune", O_RDWR | O_CLOEXEC), err;

	memset(info, 0, sizeof(*info));
	if (fd < 0)
		return -errno;
	err = CALL3(SYS_ioctl, fd, DUNE_GET_INFO, info);
	close(fd);
	return err;
}

int dune_filter_add(const struct sock_fprog *program)
{
	struct dune_add_filter args = { .program = (uint64_t)program };
	int device = open("/dev/dune", O_RDWR | O_CLOEXEC), fd;

	if (device < 0)
		return -errno;
	fd = CALL3(SYS_ioctl, device, DUNE_ADD_FILTER, &args);
	close(device);
	return fd;
}

static const struct {
	int error;
	const char *text;
} errors[] = {
	{ 0, "nothing is wrong" },
	{ -ENOENT, "there is no /dev/dune: load the module, dune.ko" },
	{ -ENODEV, "there is no /dev/dune: load the module, dune.ko" },
	{ -ENXIO, "there is no /dev/dune: load the module, dune.ko" },
	{ -EACCES, "/dev/dune may not be opened: see its owner and mode" },
	{ -EPERM, "/dev/dune may not be opened: see its owner and mode" },
	{ -ENOTTY, "/dev/dune is not that of dune.ko" },
	{ -EBADF, "the filter's descriptor is not open" },
	{ -EINVAL, "an option is none, or dune_init() was not called" },
	{ -EALREADY, "this thread is in Dune already" },
	{ -EBUSY, "another hypervisor uses the CPU: unload kvm_intel or kvm_amd" },
	{ -ENOMEM, "there is not enough memory, or address space (ulimit -v)" },
	{ -EMFILE, "there are too many open files (ulimit -n)" },
	{ -ENFILE, "there are too many open files (ulimit -n)" },
	{ -ENOSPC, "there are too many virtual CPUs, or too much memory for the CPU" },
	{ -ESHUTDOWN, "the machine is going down" },
	{ -EOPNOTSUPP, "the CPU lacks what Dune needs" },
};

const char *dune_error(int error)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(errors); i++)
		if (errors[i].error == error)
			return errors[i].text;
	return "the kernel refused; see its log";
}
