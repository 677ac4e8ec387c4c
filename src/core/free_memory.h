// Giving memory back.
#ifndef POSTROAD_CORE_FREE_MEMORY_H_
#define POSTROAD_CORE_FREE_MEMORY_H_

namespace postroad {

// Empties a string or container and frees what it holds. (`= {}` and clear() keep the capacity: the
// former assigns an empty initializer_list.)
template <typename Container>
void FreeMemory(Container& container) {
  Container().swap(container);
}

}  // namespace postroad

#endif  // POSTROAD_CORE_FREE_MEMORY_H_
