// Storages over file maps: memory that processes share, and checkpoints read in place.
#include <cerrno>
#include <cstring>

#include "python/object.h"
#include "python/storage.h"
#include "python/tensor.h"

#if !defined(_WIN32)
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

namespace tl::python {

namespace {

#if !defined(_WIN32)

// A map, and who else has to stay: the Python object that can hand the memory on, if any.
struct Mapping {
  void* address;  // of the page that the bytes begin in
  size_t nbytes;
  size_t skipped;  // of that page
  bool shared;
  PyObject* owner;
  // Of a storage that keeps the memory it had before: how it ends.
  void (*before)(Storage*) = nullptr;
  void* data_before = nullptr;
  size_t nbytes_before = 0;
  void* context_before = nullptr;
};

void unmap(const Mapping* m) {
  if (m->nbytes != 0) munmap(m->address, m->nbytes + m->skipped);
  if (m->owner != nullptr && Py_IsInitialized()) {
    GilAcquire gil;
    Py_DECREF(m->owner);
  }
  delete m;
}
void free_mapped(Storage* s) {
  unmap(static_cast<Mapping*>(s->context));
  s->~Storage();
  small_free(s, sizeof(Storage));
}
// The storage ends as it would have without the map.
void free_moved(Storage* s) {
  auto* m = static_cast<Mapping*>(s->context);
  s->data = m->data_before;
  s->nbytes = m->nbytes_before;
  s->context = m->context_before;
  auto before = m->before;
  unmap(m);
  before(s);
}
const Mapping* mapping_of(const Storage* s) {
  bool mapped = s->deleter == free_mapped || s->deleter == free_moved;
  return mapped ? static_cast<const Mapping*>(s->context) : nullptr;
}

Mapping* map_file(int fd, size_t nbytes, int64_t offset, bool shared, PyObject* owner, bool populate) {
  void* address = nullptr;
  size_t skipped = 0;
  if (nbytes != 0) {
    struct stat status;
    TL_CHECK(fstat(fd, &status) == 0, "cannot map a file: ", std::strerror(errno));
    // Reading beyond the end of a map's file is a signal, not an error.
    TL_CHECK(offset >= 0 && nbytes <= size_t(status.st_size) && size_t(offset) <= size_t(status.st_size) - nbytes,
             "cannot map ", nbytes, " bytes of a file of ", status.st_size);
    int flags = shared ? MAP_SHARED : MAP_PRIVATE;
#ifdef MAP_POPULATE
    if (populate) flags |= MAP_POPULATE;
#else
    (void)populate;
#endif
    skipped = size_t(offset) % size_t(sysconf(_SC_PAGESIZE));
    address = mmap(nullptr, nbytes + skipped, PROT_READ | PROT_WRITE, flags, fd, off_t(size_t(offset) - skipped));
    if (address == MAP_FAILED) fail(ErrorKind::runtime, "cannot map ", nbytes, " bytes: ", std::strerror(errno));
  }
  return new Mapping{address, nbytes, skipped, shared, owner == Py_None ? nullptr : Py_NewRef(owner)};
}

// _map_file(fd, nbytes, shared, owner, offset=0): the file's bytes as uint8. Private maps see what is written to
// them, their file does not. The descriptor may be closed afterwards.
PyObject* map_file_bytes(PyObject*, PyObject* args) {
  return guarded([&]() -> PyObject* {
    int fd, shared;
    long long nbytes, offset = 0;
    PyObject* owner;
    if (!PyArg_ParseTuple(args, "iLpO|L:_map_file", &fd, &nbytes, &shared, &owner, &offset)) return nullptr;
    TL_CHECK_VALUE(nbytes >= 0, "_map_file: negative size ", nbytes);
    Mapping* m = map_file(fd, size_t(nbytes), offset, shared != 0, owner, shared != 0);
    auto* s = new (small_alloc(sizeof(Storage))) Storage;
    s->data = static_cast<char*>(m->address) + m->skipped;
    s->nbytes = m->nbytes;
    s->context = m;
    s->deleter = free_mapped;
    s->resizable = false;
    return wrap(from_storage(s, Dims{int64_t(nbytes)}, Dims{1}, 0, DType::UInt8));
  });
}

// _move_storage(tensor, fd, owner): moves the tensor's storage into the file, which is as large; every tensor over
// the storage follows.
PyObject* move_storage(PyObject*, PyObject* args) {
  return guarded([&]() -> PyObject* {
    PyObject *tensor, *owner;
    int fd;
    if (!PyArg_ParseTuple(args, "OiO:_move_storage", &tensor, &fd, &owner)) return nullptr;
    Storage* s = expect_tensor(tensor, "share_memory_", "self")->storage;
    Mapping* m = map_file(fd, s->nbytes, 0, true, owner, true);
    if (m->nbytes != 0) std::memcpy(m->address, s->data, m->nbytes);
    if (s->block_bytes != 0 || !s->resizable) {
      // The old bytes stay until the end: they lie within the tensor's block, or others (arrays) may see them.
      m->before = s->deleter;
      m->data_before = s->data;
      m->nbytes_before = s->nbytes;
      m->context_before = s->context;
      s->deleter = free_moved;
    } else {
      // The old memory ends now, as a storage of its own.
      auto* old = new (small_alloc(sizeof(Storage))) Storage;
      old->data = s->data;
      old->nbytes = s->nbytes;
      old->deleter = s->deleter;
      old->context = s->context;
      old->release();
      s->deleter = free_mapped;
    }
    s->data = m->address;
    s->context = m;
    s->resizable = false;
    Py_RETURN_NONE;
  });
}

// _mapping(tensor): None, or (shared?, owner).
PyObject* mapping(PyObject*, PyObject* o) {
  return guarded([&]() -> PyObject* {
    const Mapping* m = mapping_of(expect_tensor(o, "_mapping", "tensor")->storage);
    if (m == nullptr) Py_RETURN_NONE;
    return Py_BuildValue("(OO)", m->shared ? Py_True : Py_False, m->owner == nullptr ? Py_None : m->owner);
  });
}

PyMethodDef functions[] = {{"_map_file", map_file_bytes, METH_VARARGS, "A file's bytes as a tensor over a map."},
                           {"_move_storage", move_storage, METH_VARARGS, "Moves a tensor's storage into a file."},
                           {"_mapping", mapping, METH_O, "What a tensor's storage is mapped from."},
                           {nullptr, nullptr, 0, nullptr}};

#else

PyObject* mapping(PyObject*, PyObject*) { Py_RETURN_NONE; }
PyMethodDef functions[] = {{"_mapping", mapping, METH_O, "What a tensor's storage is mapped from."},
                           {nullptr, nullptr, 0, nullptr}};

#endif

}  // namespace

void register_shared_memory(PyObject* module) { check(PyModule_AddFunctions(module, functions)); }

}  // namespace tl::python
