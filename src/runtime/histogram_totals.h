// What a histogram has seen so far, for who shows numbers himself.
#ifndef POSTROAD_RUNTIME_HISTOGRAM_TOTALS_H_
#define POSTROAD_RUNTIME_HISTOGRAM_TOTALS_H_

#include <cstdint>

#include "runtime/metrics.h"

namespace postroad {

struct HistogramTotals {
  uint64_t count = 0;
  double sum = 0;
};
// `histogram` is one that Metrics returned.
HistogramTotals TotalsOf(const Histogram& histogram);

}  // namespace postroad

#endif  // POSTROAD_RUNTIME_HISTOGRAM_TOTALS_H_
