#include "CInit.h"

#include <string.h>

static int digit(char character) {
    if (character >= '0' && character <= '9') return character - '0';
    if (character >= 'a' && character <= 'f') return character - 'a' + 10;
    if (character >= 'A' && character <= 'F') return character - 'A' + 10;
    return -1;
}

static bool is_space(char character) { return character == ' ' || (character >= '\t' && character <= '\r'); }

static bool parse_hash(const char *text, size_t length, uint8_t hash[32]) {
    if (length != 64) return false;
    for (int i = 0; i < 32; i++) {
        int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);
        if (high < 0 || low < 0) return false;
        hash[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

const char *cinit_root_hash(const char *command_line, uint8_t hash[32]) {
    static const char key[] = "roothash=";
    const size_t key_length = sizeof key - 1;
    bool found = false;
    const char *word = command_line;
    while (true) {
        while (is_space(*word)) word++;
        if (*word == 0) break;
        // As the kernel splits it: white space inside double quotes does not end a word.
        const char *end = word;
        for (bool quoted = false; *end != 0 && (quoted || !is_space(*end)); end++) quoted ^= *end == '"';
        size_t length = (size_t)(end - word);
        if (length >= key_length && memcmp(word, key, key_length) == 0) {
            uint8_t value[32];
            if (!parse_hash(word + key_length, length - key_length, value))
                return "roothash= is not 64 hexadecimal digits";
            if (found && memcmp(value, hash, sizeof value) != 0)
                return "roothash= is given twice with different values";
            memcpy(hash, value, sizeof value);
            found = true;
        }
        word = end;
    }
    return found ? NULL : "the kernel command line has no roothash=";
}

void cinit_hex(const uint8_t *bytes, size_t size, char *text) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < size; i++) {
        *text++ = digits[bytes[i] >> 4];
        *text++ = digits[bytes[i] & 15];
    }
    *text = 0;
}

/// Reads digits; returns where they end, or NULL if there is no positive number of at most 18 digits.
static const char *number(const char *text, uint64_t *value) {
    if (*text < '1' || *text > '9') return NULL;
    uint64_t sum = 0;
    int digits = 0;
    for (; *text >= '0' && *text <= '9'; text++) {
        if (++digits > 18) return NULL;
        sum = sum * 10 + (uint64_t)(*text - '0');
    }
    *value = sum;
    return text;
}

bool cinit_generation(const char *text, const char *prefix, uint64_t *generation) {
    size_t length = strlen(prefix);
    if (strncmp(text, prefix, length) != 0) return false;
    uint64_t value;
    const char *end = number(text + length, &value);
    if (end == NULL || *end != 0) return false;
    *generation = value;
    return true;
}

/// Passes over `<mark><digits>`; `text` itself if it is not there.
static const char *counter(const char *text, char mark) {
    const char *end = text + 1;
    if (*text != mark) return text;
    while (*end >= '0' && *end <= '9') end++;
    return end == text + 1 ? text : end;
}

bool cinit_entry_generation(const char *entry, uint64_t *generation) {
    static const char prefix[] = "pisces-";
    if (strncmp(entry, prefix, sizeof prefix - 1) != 0) return false;
    uint64_t value;
    const char *end = number(entry + sizeof prefix - 1, &value);
    if (end == NULL) return false;
    // Boot Loader Specification, "Boot counting": +LEFT or +LEFT-DONE.
    const char *left = counter(end, '+');
    if (left != end) end = counter(left, '-');
    if (*end != 0 && strcmp(end, ".conf") != 0) return false;
    *generation = value;
    return true;
}

bool cinit_on_trial(const char *path) {
    const char *name = path;
    for (const char *at = path; *at != 0; at++)
        if (*at == '\\' || *at == '/') name = at + 1;
    uint64_t generation;
    const char *left = strchr(name, '+');
    if (!cinit_entry_generation(name, &generation) || left == NULL) return false;
    // The boot loader has counted this boot already: +LEFT-DONE.
    const char *done = counter(left, '+');
    for (const char *at = left + 1; at < done; at++)
        if (*at != '0') return true;
    if (*done != '-') return false;
    for (done++; *done == '0';) done++;
    return *done >= '1' && *done <= '0' + CINIT_TRIES && (done[1] < '0' || done[1] > '9');
}

bool cinit_efi_text(const uint8_t *variable, size_t size, char *text, size_t room) {
    size_t length = 0;
    for (size_t at = 4; at + 2 <= size; at += 2) {
        unsigned unit = variable[at] | (unsigned)variable[at + 1] << 8;
        if (unit == 0) break;
        if (unit < 0x20 || unit > 0x7e || length + 1 >= room) return false;
        text[length++] = (char)unit;
    }
    if (length == 0) return false;
    text[length] = 0;
    return true;
}
