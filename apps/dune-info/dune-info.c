// SPDX-License-Identifier: LGPL-2.1-or-later
/* dune-info - print what Dune can do on this machine. */
#include <dune/dune.h>

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static const char *backend_name(uint32_t backend)
{
	switch (backend) {
	case DUNE_BACKEND_VMX:
		return "Intel VT-x (EPT)";
	case DUNE_BACKEND_SVM:
		return "AMD SVM (NPT)";
	default:
		return "unknown";
	}
}

static void print_page_sizes(uint64_t sizes)
{
	static const char * const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	unsigned int bit;

	printf("nested page sizes:  ");
	for (bit = 0; bit < 50; bit++)
		if (sizes & 1ULL << bit)
			printf(" %u %s", 1U << bit % 10, units[bit / 10]);
	printf("\n");
}

static void print_hypercall(const struct dune_info *info)
{
	uint32_t i;

	printf("hypercall:          ");
	for (i = 0; i < info->hypercall_len && i < sizeof(info->hypercall); i++)
		printf(" %02x", info->hypercall[i]);
	printf("\n");
}

static const char *yes_no(uint64_t bits)
{
	return bits ? "yes" : "no";
}

/* What each process in Dune did so far; only root may know. */
static void print_processes(void)
{
	FILE *file = fopen("/sys/kernel/debug/dune/processes", "re");
	char line[128];

	while (file && fgets(line, sizeof(line), file)) {
		char name[64];
		unsigned long long value;

		if (sscanf(line, "%63s %llu", name, &value) != 2)
			continue;
		if (line[0] != ' ')
			printf("process %llu:\n", value);
		else if (value)
			printf("    %-17s%llu\n", name, value);
	}
	if (file)
		fclose(file);
}

static int print_usage(FILE *stream, int status)
{
	fprintf(stream, "usage: dune-info [--help]\n"
		"Prints what Dune can do on this machine and, to root, what\n"
		"each process in Dune did so far.\n");
	return status;
}

int main(int argc, char **argv)
{
	struct dune_info info;
	int err;

	if (argc == 2 && !strcmp(argv[1], "--help"))
		return print_usage(stdout, 0);
	if (argc != 1)
		return print_usage(stderr, 2);

	err = dune_query_info(&info);
	if (err) {
		fprintf(stderr, "dune-info: /dev/dune: %s%s\n", strerror(-err),
			err == -ENOENT ? " (is dune.ko loaded?)" : "");
		return 1;
	}

	printf("interface version:   %u\n", info.abi_version);
	printf("backend:             %s\n", backend_name(info.backend));
	print_page_sizes(info.nested_page_sizes);
	printf("nested A/D bits:     %s\n",
	       yes_no(info.features & DUNE_FEATURE_NESTED_AD));
	printf("guest-physical bits: %u\n", info.guest_phys_bits);
	printf("tagged TLB:          %s (%u tags)\n",
	       yes_no(info.features & DUNE_FEATURE_TAGGED_TLB), info.tlb_tags);
	print_hypercall(&info);
	printf("vCPUs per process:   %u\n", info.max_vcpus);
	print_processes();
	return 0;
}
