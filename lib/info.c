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
