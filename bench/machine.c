// SPDX-License-Identifier: GPL-2.0-only
/* What the figures were taken on, as the first line of the output. */
#include <cpuid.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "machine.h"

#define PARAMETERS	"/sys/module/dune/parameters"

/* CPUID: "ECX[31] is for hypervisors", which have names at this leaf. */
#define HAS_HYPERVISOR	(1u << 31)
#define HYPERVISOR	0x40000000

/* A string of JSON, up to the end of the line. */
static void print_string(const char *text)
{
	putchar('"');
	for (; *text && *text != '\n'; text++) {
		if (*text == '"' || *text == '\\')
			putchar('\\');
		if ((unsigned char)*text >= ' ')
			putchar(*text);
	}
	putchar('"');
}

/* What /proc/cpuinfo has behind the colon, for the first CPU. */
static void print_cpuinfo(const char *as, const char *name)
{
	FILE *file = fopen("/proc/cpuinfo", "r");
	char *line = NULL, *value = "";
	size_t room = 0;

	while (file && getline(&line, &room, file) > 0) {
		if (strncmp(line, name, strlen(name)))
			continue;
		value = strchr(line, ':');
		value = value && value[1] ? value + 2 : "";
		break;
	}
	printf("\"%s\": ", as);
	print_string(value);
	free(line);
	if (file)
		fclose(file);
}

static void print_kernel(void)
{
	struct utsname names;

	printf(", \"kernel\": ");
	print_string(uname(&names) ? "" : names.release);
}

static void print_hypervisor(void)
{
	unsigned int eax, registers[3];
	char name[sizeof(registers) + 1] = "";

	__cpuid(1, eax, registers[0], registers[1], registers[2]);
	if (registers[1] & HAS_HYPERVISOR) {
		__cpuid(HYPERVISOR, eax, registers[0], registers[1],
			registers[2]);
		memcpy(name, registers, sizeof(registers));
	}
	printf(", \"hypervisor\": ");
	print_string(name);
}

static void print_parameter(const char *name)
{
	char path[512], text[128] = "";
	FILE *file;

	snprintf(path, sizeof(path), PARAMETERS "/%s", name);
	file = fopen(path, "r");
	if (file) {
		if (!fgets(text, sizeof(text), file))
			text[0] = '\0';
		fclose(file);
	}
	print_string(text);
}

static void print_parameters(void)
{
	DIR *folder = opendir(PARAMETERS);
	const char *before = "";
	struct dirent *entry;

	printf(", \"parameters\": {");
	while (folder && (entry = readdir(folder))) {
		if (entry->d_name[0] == '.')
			continue;
		printf("%s\"%s\": ", before, entry->d_name);
		print_parameter(entry->d_name);
		before = ", ";
	}
	printf("}");
	if (folder)
		closedir(folder);
}

void print_machine(void)
{
	printf("{\"machine\": {");
	print_cpuinfo("model", "model name");
	printf(", ");
	print_cpuinfo("vendor", "vendor_id");
	print_kernel();
	print_hypervisor();
	print_parameters();
	printf("}}\n");
	fflush(stdout);
}
