// out = act(scale_out * ((x * scale_in) W^T + bias) + shift + add) in float32, by AMX, whose tiles
// take bfloat16.
//
// A float32 has 24 bits, a bfloat16 8: x = x1 + x2 + x3 exactly, each a bfloat16, each 2^-8 of the
// one before. Of the nine products of two such sums the six largest are added up in float32:
// x1 w1, then x1 w2, x2 w1, then x2 w2, x1 w3, x3 w1. What is left out is 2^-24 of the result, as
// much as float32's own rounding. The small ones are summed first, while the sum is small, so the
// only roundings that count are those of x1 w1, as many as in any float32 product.
// With `terms` 1, x1 w1 alone: a bfloat16 product, summed in float32.
#include <immintrin.h>
#include <omp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { ROWS = 16, STEP = 32, PANEL = 32, TILE = ROWS * STEP };  // a tile: 16 x 32 bfloat16, 1 KB
enum { NONE, RELU, HARD_SWISH };
#define SIXTH 0.16666667163372040f
static const long CACHED = 1200 * 1024;  // bytes of x in parts that stay in a core's second cache

typedef struct {
    uint8_t palette, start_row, reserved[14];
    uint16_t bytes[16];
    uint8_t rows[16];
} TileConfig;

int request_tiles(void) {  // the system gives the tiles' state only to who asks: ARCH_REQ_XCOMP_PERM
    return (int)syscall(SYS_arch_prctl, 0x1023, 18);
}

static void configure_tiles(void) {
    TileConfig config = {.palette = 1};
    for (int i = 0; i < 8; i++) { config.bytes[i] = 64; config.rows[i] = 16; }
    _tile_loadconfig(&config);
}

static inline __m512 widened(__m256i half) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
}

// 32 numbers into `terms` rows of 32 bfloat16, `apart` bfloat16 from one another.
static inline void split(__m512 low, __m512 high, uint16_t *to, long apart, int terms) {
    for (int term = 0; term < terms; term++) {
        __m512i part = (__m512i)_mm512_cvtne2ps_pbh(high, low);
        _mm512_storeu_si512(to + term * apart, part);
        low = _mm512_sub_ps(low, widened(_mm512_castsi512_si256(part)));
        high = _mm512_sub_ps(high, widened(_mm512_extracti64x4_epi64(part, 1)));
    }
}

static long padded(long size, long to) { return (size + to - 1) / to * to; }

long packed_size(long N, long K, int terms) { return padded(N, PANEL) * padded(K, STEP) * terms; }

// W [N, K] as tiles: by panel of 32 outputs, step of 32 inputs, term, half of the panel;
// in a tile, inputs 2r and 2r + 1 of an output stand side by side in row r.
void pack(const float *W, uint16_t *packed, long N, long K, int terms) {
    long steps = padded(K, STEP) / STEP;
    for (long n = 0; n < padded(N, PANEL); n++)
        for (long step = 0; step < steps; step++) {
            float row[STEP] = {0};
            uint16_t parts[3 * STEP];
            for (long k = step * STEP; n < N && k < K && k < (step + 1) * STEP; k++)
                row[k % STEP] = W[n * K + k];
            split(_mm512_loadu_ps(row), _mm512_loadu_ps(row + 16), parts, STEP, terms);
            uint16_t *tiles = packed + (n / PANEL * steps + step) * terms * 2 * TILE;
            for (int term = 0; term < terms; term++)
                for (int k = 0; k < STEP; k++)
                    tiles[(term * 2 + n % PANEL / 16) * TILE + k / 2 * 32 + n % 16 * 2 + k % 2] =
                        parts[term * STEP + k];
        }
}

// Rows of x as tiles: by 16 rows, step, term.
static void split_rows(const float *x, const float *scale, long per_clip, uint16_t *to, long first,
                       long count, long K, int terms) {
    long steps = padded(K, STEP) / STEP;
    for (long i = 0; i < padded(count, 2 * ROWS); i++) {
        uint16_t *tile = to + i / ROWS * steps * terms * TILE + i % ROWS * STEP;
        const float *row = x + (first + i) * K;
        const float *factors = scale ? scale + (first + i) / per_clip * K : NULL;
        for (long step = 0; step < steps; step++, tile += terms * TILE) {
            long left = i < count ? K - step * STEP : 0;
            __mmask16 low = left >= 16 ? 0xffff : left <= 0 ? 0 : (1u << left) - 1;
            __mmask16 high = left >= 32 ? 0xffff : left <= 16 ? 0 : (1u << (left - 16)) - 1;
            __m512 a = _mm512_maskz_loadu_ps(low, row + step * STEP);
            __m512 b = _mm512_maskz_loadu_ps(high, row + step * STEP + 16);
            if (factors && left > 0) {
                a = _mm512_mul_ps(a, _mm512_maskz_loadu_ps(low, factors + step * STEP));
                b = _mm512_mul_ps(b, _mm512_maskz_loadu_ps(high, factors + step * STEP + 16));
            }
            split(a, b, tile, TILE, terms);
        }
    }
}

#define LOAD_A(term) _tile_loadd(4, first + at + (term) * apart, stride); \
                     _tile_loadd(5, second + at + (term) * apart, stride)
#define LOAD_B(term) _tile_loadd(6, b + (term) * 2 * TILE, 64); \
                     _tile_loadd(7, b + (term) * 2 * TILE + TILE, 64)
#define MULTIPLY _tile_dpbf16ps(0, 4, 6); _tile_dpbf16ps(1, 4, 7); \
                 _tile_dpbf16ps(2, 5, 6); _tile_dpbf16ps(3, 5, 7)

// Twice 16 rows times 32 outputs into `sums` [32, 32]. Step by step the rows' numbers are at
// `offsets`, row by row `stride` bytes apart, term by term `apart` numbers.
static void multiply(const uint16_t *first, const uint16_t *second, long stride, long apart,
                     const long *offsets, const uint16_t *packed, long steps, int terms, float *sums) {
    const uint16_t *b = packed;
    _tile_zero(0); _tile_zero(1); _tile_zero(2); _tile_zero(3);
    if (terms == 3)
        for (long step = 0; step < steps; step++, b += 6 * TILE) {
            long at = offsets[step];
            LOAD_A(0); LOAD_B(2); MULTIPLY;
            LOAD_B(1); MULTIPLY;
            LOAD_A(1); MULTIPLY;
            LOAD_B(0); MULTIPLY;
            LOAD_A(2); MULTIPLY;
        }
    b = packed;
    for (long step = 0; step < steps; step++, b += 2 * terms * TILE) {
        long at = offsets[step];
        LOAD_A(0); LOAD_B(0); MULTIPLY;
    }
    _tile_stored(0, sums, 128); _tile_stored(1, sums + 16, 128);
    _tile_stored(2, sums + 16 * 32, 128); _tile_stored(3, sums + 16 * 32 + 16, 128);
}

static inline __m512 activated(__m512 y, int act) {
    __m512 zero = _mm512_setzero_ps();
    if (act == RELU) return _mm512_max_ps(y, zero);
    if (act == HARD_SWISH) {
        __m512 bent = _mm512_add_ps(y, _mm512_set1_ps(3));
        bent = _mm512_min_ps(_mm512_max_ps(bent, zero), _mm512_set1_ps(6));
        return _mm512_mul_ps(_mm512_mul_ps(y, bent), _mm512_set1_ps(SIXTH));
    }
    return y;
}

typedef struct {
    const float *x, *bias, *scale_in, *scale_out, *shift, *add;
    const uint16_t *packed;
    float *out;
    long M, K, N, per_clip;  // rows of x to one row of the scales
    int act, terms, threads;
} Product;

static void finish(const Product *p, const float *sums, long row, long rows, long column) {
    for (int half = 0; half < 2; half++) {
        long n = column + half * 16, left = p->N - n;
        if (left <= 0) return;
        __mmask16 mask = left >= 16 ? 0xffff : (1u << left) - 1;
        __m512 bias = p->bias ? _mm512_maskz_loadu_ps(mask, p->bias + n) : _mm512_setzero_ps();
        __m512 shift = p->shift ? _mm512_maskz_loadu_ps(mask, p->shift + n) : _mm512_setzero_ps();
        for (long i = 0; i < rows; i++) {
            __m512 y = _mm512_loadu_ps(sums + i * 32 + half * 16);
            long at = (row + i) * p->N + n;
            y = _mm512_add_ps(y, bias);
            if (p->scale_out)
                y = _mm512_mul_ps(y, _mm512_maskz_loadu_ps(mask, p->scale_out + (row + i) / p->per_clip * p->N + n));
            y = _mm512_add_ps(y, shift);
            if (p->add) y = _mm512_add_ps(y, _mm512_maskz_loadu_ps(mask, p->add + at));
            _mm512_mask_storeu_ps(p->out + at, mask, activated(y, p->act));
        }
    }
}

// Rows from `first` on, outputs of the panels `panel` to `last`.
static void run_part(const Product *p, long first, long count, long panel, long last, uint16_t *split_x) {
    long steps = padded(p->K, STEP) / STEP, tiles = steps * p->terms * TILE;
    long offsets[steps];
    float sums[32 * 32] __attribute__((aligned(64)));
    for (long step = 0; step < steps; step++) offsets[step] = step * p->terms * TILE;
    split_rows(p->x, p->scale_in, p->per_clip, split_x, first, count, p->K, p->terms);
    for (; panel < last; panel++)
        for (long i = 0; i < count; i += 2 * ROWS) {
            const uint16_t *rows = split_x + i / ROWS * tiles;
            multiply(rows, rows + tiles, 64, TILE, offsets, p->packed + panel * tiles * 2, steps,
                     p->terms, sums);
            finish(p, sums, first + i, count - i < 32 ? count - i : 32, panel * PANEL);
        }
}

int split_linear(const Product *p) {
    long panels = padded(p->N, PANEL) / PANEL, K = padded(p->K, STEP);
    long fitting = CACHED / (K * p->terms * 2) / 32 * 32, block = fitting < 32 ? 32 : fitting;
    long share = padded((p->M + p->threads - 1) / p->threads, 32);
    if (block > share) block = share;
    long blocks = (p->M + block - 1) / block;
    int by_rows = blocks % p->threads == 0 || blocks >= 4 * p->threads;
    long parts = by_rows ? 1 : p->threads;  // in which the outputs are shared out
    int failed = 0;
#pragma omp parallel num_threads(p->threads)
    {
        uint16_t *split_x = aligned_alloc(64, padded(block, 32) * K * p->terms * 2);
        if (split_x == NULL) {
#pragma omp atomic write
            failed = 1;
        }
        configure_tiles();
#pragma omp for schedule(dynamic)
        for (long job = 0; job < blocks * parts; job++) {
            long first = job / parts * block, part = job % parts;
            long count = p->M - first < block ? p->M - first : block;
            if (split_x != NULL)
                run_part(p, first, count, panels * part / parts, panels * (part + 1) / parts, split_x);
        }
        _tile_release();
        free(split_x);
    }
    return failed;
}

typedef struct {
    Product product;  // K: of one pixel; the scales and what is added are not used
    long images, height, width, kernel[2], stride[2], before[2], out_height, out_width;
    uint16_t *scratch;  // scratch_size numbers
} Convolution;

static long padded_size(const Convolution *c, int axis) {
    long needed = ((axis ? c->out_width : c->out_height) - 1) * c->stride[axis] + c->kernel[axis];
    long given = (axis ? c->width : c->height) + c->before[axis];
    return needed > given ? needed : given;
}

static long pixel_size(const Product *p) { return padded(p->K, STEP) * p->terms; }

long scratch_size(const Convolution *c) {
    return padded_size(c, 0) * padded_size(c, 1) * pixel_size(&c->product);
}

// A row of an image, split, with zeros around it: by pixel, step, term.
static void split_line(const Convolution *c, const float *image, long y) {
    const Product *p = &c->product;
    long wide = padded_size(c, 1), size = pixel_size(p), row = y - c->before[0];
    uint16_t *to = c->scratch + y * wide * size;
    if (row < 0 || row >= c->height) {
        memset(to, 0, wide * size * sizeof *to);
        return;
    }
    memset(to, 0, c->before[1] * size * sizeof *to);
    to += c->before[1] * size;
    const float *from = image + row * c->width * p->K;
    for (long x = 0; x < c->width; x++, from += p->K)
        for (long k = 0; k < p->K; k += STEP, to += p->terms * STEP) {
            long left = p->K - k;
            __mmask16 low = left >= 16 ? 0xffff : (1u << left) - 1;
            __mmask16 high = left >= 32 ? 0xffff : left <= 16 ? 0 : (1u << (left - 16)) - 1;
            split(_mm512_maskz_loadu_ps(low, from + k), _mm512_maskz_loadu_ps(high, from + k + 16),
                  to, STEP, p->terms);
        }
    memset(to, 0, (wide - c->before[1] - c->width) * size * sizeof *to);
}

// A convolution of images [images, height, width, K]; a row of the output has 16 pixels or more.
void split_convolution(const Convolution *c) {
    const Product *p = &c->product;
    long size = pixel_size(p), wide = padded_size(c, 1), inner = padded(p->K, STEP) / STEP;
    long steps = c->kernel[0] * c->kernel[1] * inner, panels = padded(p->N, PANEL) / PANEL;
    long in_row = (c->out_width + ROWS - 1) / ROWS, tiles = c->out_height * in_row;
    long offsets[steps];
    for (long step = 0; step < steps; step++) {
        long tap = step / inner, y = tap / c->kernel[1], x = tap % c->kernel[1];
        offsets[step] = (y * wide + x) * size + step % inner * p->terms * STEP;
    }
#pragma omp parallel num_threads(p->threads)
    {
        float sums[32 * 32] __attribute__((aligned(64)));
        configure_tiles();
        for (long image = 0; image < c->images; image++) {
#pragma omp for schedule(static)
            for (long y = 0; y < padded_size(c, 0); y++)
                split_line(c, p->x + image * c->height * c->width * p->K, y);
#pragma omp for schedule(static)
            for (long pair = 0; pair < (tiles + 1) / 2; pair++) {
                const uint16_t *at[2];
                long rows[2];
                for (int i = 0; i < 2; i++) {  // the last of a row overlaps the one before
                    long tile = pair * 2 + i < tiles ? pair * 2 + i : tiles - 1;
                    long y = tile / in_row, x = tile % in_row * ROWS;
                    if (x > c->out_width - ROWS) x = c->out_width - ROWS;
                    at[i] = c->scratch + (y * c->stride[0] * wide + x * c->stride[1]) * size;
                    rows[i] = (image * c->out_height + y) * c->out_width + x;
                }
                for (long panel = 0; panel < panels; panel++) {
                    multiply(at[0], at[1], c->stride[1] * size * 2, STEP, offsets,
                             p->packed + panel * steps * p->terms * 2 * TILE, steps, p->terms, sums);
                    finish(p, sums, rows[0], ROWS, panel * PANEL);
                    finish(p, sums + ROWS * 32, rows[1], ROWS, panel * PANEL);
                }
            }
        }
        _tile_release();
    }
}
