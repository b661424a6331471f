/* SPDX-License-Identifier: GPL-2.0-only */
/* The character device, /dev/dune. */
#ifndef DUNE_DEVICE_H
#define DUNE_DEVICE_H

#include <linux/fs.h>

extern const struct file_operations dune_device_fops;

int dune_device_register(void);
void dune_device_unregister(void);

#endif /* DUNE_DEVICE_H */
