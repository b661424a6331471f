// SPDX-License-Identifier: LGPL-2.1-or-later
#include <dune/dune.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

int dune_query_info(struct dune_info *info)
{
	int fd, err = 0;

	memset(info, 0, sizeof(*info));
	fd = open("/dev/dune", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (ioctl(fd, DUNE_GET_INFO, info) < 0)
		err = -errno;
	close(fd);
	return err;
}

const char *dune_error(int error)
{
	switch (error) {
	case 0:
		return "nothing is wrong";
	case -ENOENT:
	case -ENODEV:
	case -ENXIO:
		return "there is no /dev/dune: load the module, dune.ko";
	case -EACCES:
	case -EPERM:
		return "/dev/dune may not be opened: see its owner and mode";
	case -ENOTTY:
		return "/dev/dune is not that of dune.ko";
	case -EINVAL:
		return "an option is none, or dune_init() was not called";
	case -EALREADY:
		return "this thread is in Dune already";
	case -EBUSY:
		return "another hypervisor uses the CPU: unload kvm_intel or kvm_amd";
	case -ENOMEM:
		return "there is not enough memory, or address space (ulimit -v)";
	case -EMFILE:
	case -ENFILE:
		return "there are too many open files (ulimit -n)";
	case -ENOSPC:
		return "there are too many virtual CPUs, or too much memory for the CPU";
	case -ESHUTDOWN:
		return "the machine is going down";
	case -EOPNOTSUPP:
		return "the CPU lacks what Dune needs";
	default:
		return "the kernel refused; see its log";
	}
}
