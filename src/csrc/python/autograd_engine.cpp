// The way into the engine: Tensor.backward, autograd.backward and autograd.grad.
#include "autograd/accumulate.h"
#include "autograd/engine.h"
#include "core/inline_vector.h"
#include "python/autograd.h"
#include "python/autograd_hooks.h"
#include "python/op_function.h"
#include "python/tensor.h"

namespace tl::python {

namespace {

// A GradientEdge is a tuple (node, output_nr, …).
bool as_edge(PyObject* o, Edge& edge) {
  if (!PyTuple_Check(o) || PyTuple_GET_SIZE(o) < 2) return false;
  Node* node = unwrap_node(PyTuple_GET_ITEM(o, 0));
  long nr = PyLong_Check(PyTuple_GET_ITEM(o, 1)) ? PyLong_AsLong(PyTuple_GET_ITEM(o, 1)) : -1;
  if (node == nullptr || nr < 0 || nr >= node->num_inputs) return false;
  edge = {NodePtr::borrow(node), uint32_t(nr)};
  return true;
}

// A lone tensor or edge, or a sequence of them.
class Items {
 public:
  Items(PyObject* o, const char* what) : one_(o) {
    Edge edge;
    if (is_tensor(o) || as_edge(o, edge)) return;
    list_ = Object::adopt(PySequence_Fast(o, ""));
    if (!list_) {
      PyErr_Clear();
      fail(ErrorKind::type, "autograd: ", what, " must be a Tensor, a GradientEdge or a sequence of them, but got ",
           Py_TYPE(o)->tp_name);
    }
  }
  size_t size() const { return list_ ? size_t(PySequence_Fast_GET_SIZE(list_.get())) : 1; }
  PyObject* operator[](size_t i) const { return list_ ? PySequence_Fast_GET_ITEM(list_.get(), Py_ssize_t(i)) : one_; }

 private:
  PyObject* one_;
  Object list_;
};

// What backward starts at.
struct Root {
  const Tensor* tensor = nullptr;  // null for an edge given by itself
  Edge edge;

  IntView sizes() const { return tensor != nullptr ? tensor->sizes() : edge.node->meta(edge.input_nr).sizes(); }
  DType dtype() const { return tensor != nullptr ? tensor->dtype() : edge.node->meta(edge.input_nr).dtype; }
};

Root root_of(PyObject* o, size_t i) {
  Root root;
  if (is_tensor(o)) {
    root.tensor = &unwrap(o);
  } else {
    TL_CHECK_TYPE(as_edge(o, root.edge), "element ", i, " of tensors is not a Tensor or a GradientEdge but ",
                  Py_TYPE(o)->tp_name);
  }
  return root;
}

std::string size_text(IntView sizes) {
  std::ostringstream out;
  out << "torch.Size(" << Shape{sizes} << ")";
  return out.str();
}

// The gradient to start with at root i.
Tensor root_gradient(const Root& root, size_t i, PyObject* given) {
  if (given == nullptr || given == Py_None) {
    if (root.tensor != nullptr && !requires_grad(*root.tensor)) return {};  // an error of its own
    IntView sizes = root.sizes();
    TL_CHECK(sizes.empty() || checked_numel(sizes) == 1, "grad can be implicitly created only for scalar outputs");
    TL_CHECK(is_floating(root.dtype()), "grad can be implicitly created only for real scalar outputs but got torch.",
             dtype_name(root.dtype()));
    return sizes.empty() ? scalar_tensor(1.0, root.dtype()) : graph_ops.ones(sizes, root.dtype());
  }
  TL_CHECK_TYPE(is_tensor(given), "gradients can be either Tensors or None, but got ", Py_TYPE(given)->tp_name);
  const Tensor& g = unwrap(given);
  TL_CHECK(equal(g.sizes(), root.sizes()), "Mismatch in shape: grad_output[", i, "] has a shape of ",
           size_text(g.sizes()), " and output[", i, "] has a shape of ", size_text(root.sizes()), ".");
  TL_CHECK(is_complex(g.dtype()) == is_complex(root.dtype()),
           "For complex Tensors, both grad_output and output are required to have the same dtype. Mismatch in dtype: "
           "grad_output[",
           i, "] has a dtype of torch.", dtype_name(g.dtype()), " and output[", i, "] has a dtype of torch.",
           dtype_name(root.dtype()), ".");
  return g;
}

// The edge of root i; one that leads nowhere is an error.
Edge root_edge(Root& root, size_t i) {
  if (root.tensor != nullptr) root.edge = gradient_edge(*root.tensor);
  TL_CHECK(root.edge.node, "element ", i, " of tensors does not require grad and does not have a grad_fn");
  return std::move(root.edge);
}

using Edges = InlineArray<Edge, 8>;
using Tensors = InlineArray<Tensor, 8>;

// Edges and first gradients of all roots.
void start_at(const Items& outputs, PyObject* gradients, Edges& edges, Tensors& grads) {
  size_t n = outputs.size();
  bool none = gradients == nullptr || gradients == Py_None;
  Object list;
  if (!none && !is_tensor(gradients))
    list = check(PySequence_Fast(gradients, "gradients can be either Tensors or None"));
  size_t given = list ? size_t(PySequence_Fast_GET_SIZE(list.get())) : 1;
  TL_CHECK(none || given == n, "got ", n, " tensors and ", given, " gradients");
  for (size_t i = 0; i < n; ++i) {
    Root root = root_of(outputs[i], i);
    grads[i] = root_gradient(root, i,
                             none   ? nullptr
                             : list ? PySequence_Fast_GET_ITEM(list.get(), Py_ssize_t(i))
                                    : gradients);
    edges[i] = root_edge(root, i);
  }
}

// The edge of a tensor that a gradient is wanted for.
Edge input_edge(PyObject* o, bool accumulate) {
  Edge edge;
  if (as_edge(o, edge)) {
    TL_CHECK(!accumulate, "backward: inputs are tensors, not edges");
    return edge;
  }
  TL_CHECK(is_tensor(o), "all inputs have to be Tensors or GradientEdges, but got ", Py_TYPE(o)->tp_name);
  const Tensor& t = unwrap(o);
  TL_CHECK(requires_grad(t), "One of the differentiated Tensors does not require grad");
  if (accumulate && !is_leaf(t)) retain_grad(t);
  return gradient_edge(t);
}

bool truth(PyObject* o, bool otherwise) {
  if (o == nullptr || o == Py_None) return otherwise;
  if (PyBool_Check(o)) return o == Py_True;
  int v = PyObject_IsTrue(o);
  check(v);
  return v == 1;
}

// While a pass for some gradients only runs: in it a node must not start a backward of its own that reaches all leaves.
thread_local int selective_passes = 0;
struct SelectivePass {
  SelectivePass() { ++selective_passes; }
  ~SelectivePass() { --selective_passes; }
};
PyObject* checkpoint_valid(PyObject*, PyObject*) { return PyBool_FromLong(selective_passes == 0); }

void backward(PyObject* tensors, PyObject* gradients, PyObject* retain_graph, PyObject* create_graph,
              PyObject* inputs) {
  BackwardOptions options;
  options.create_graph = truth(create_graph, false);
  options.keep_graph = truth(retain_graph, options.create_graph);
  bool selective = inputs != nullptr && inputs != Py_None;
  if (is_tensor(tensors) && !selective && (gradients == nullptr || gradients == Py_None || is_tensor(gradients))) {
    // What nearly every call looks like.
    Root root = root_of(tensors, 0);
    Tensor grad = root_gradient(root, 0, gradients);
    Edge edge = root_edge(root, 0);
    return run_backward({&edge, 1}, {&grad, 1}, {}, options);
  }
  Items outputs(tensors, "outputs");
  Edges edges(outputs.size());
  Tensors grads(outputs.size());
  start_at(outputs, gradients, edges, grads);
  if (!selective) return run_backward(edges, grads, {}, options);
  Items wanted(inputs, "inputs");
  TL_CHECK(wanted.size() > 0, "`inputs` argument to `backward()` cannot be empty.");
  Edges wanted_edges(wanted.size());
  for (size_t i = 0; i < wanted.size(); ++i) wanted_edges[i] = input_edge(wanted[i], true);
  SelectivePass selective_pass;
  run_backward(edges, grads, wanted_edges, options);
}

// _run_backward(tensors, gradients, retain_graph, create_graph, inputs)
PyObject* py_backward(PyObject*, PyObject* const* args, Py_ssize_t nargs) {
  return guarded([&]() -> PyObject* {
    TL_CHECK_TYPE(nargs == 5, "_run_backward takes 5 arguments");
    backward(args[0], args[1], args[2], args[3], args[4]);
    Py_RETURN_NONE;
  });
}

// _grad(outputs, inputs, grad_outputs, retain_graph, create_graph, allow_unused, materialize_grads)
PyObject* py_grad(PyObject*, PyObject* const* args, Py_ssize_t nargs) {
  return guarded([&]() -> PyObject* {
    TL_CHECK_TYPE(nargs == 7, "_grad takes 7 arguments");
    BackwardOptions options;
    options.accumulate = false;
    options.create_graph = truth(args[4], false);
    options.keep_graph = truth(args[3], options.create_graph);
    bool materialize = truth(args[6], false);
    TL_CHECK_VALUE(!(materialize && args[5] != Py_None && !truth(args[5], true)),
                   "Expected allow_unused to be True or not passed when materialize_grads=True, but got: "
                   "allow_unused=False.");
    bool allow_unused = truth(args[5], materialize);
    Items outputs(args[0], "outputs"), inputs(args[1], "inputs");
    Edges roots(outputs.size()), wanted(inputs.size());
    Tensors grads(outputs.size()), result(inputs.size());
    start_at(outputs, args[2], roots, grads);
    TL_CHECK(inputs.size() > 0, "`inputs` argument to `grad()` cannot be empty.");
    for (size_t i = 0; i < inputs.size(); ++i) wanted[i] = input_edge(inputs[i], false);
    {
      SelectivePass selective_pass;
      run_backward(roots, grads, wanted, options, result);
    }
    Object tuple = check(PyTuple_New(Py_ssize_t(result.size())));
    for (size_t i = 0; i < result.size(); ++i) {
      if (!result[i].defined()) {
        TL_CHECK(allow_unused, "The differentiated Tensor at index ", i,
                 " appears to not have been used in the graph. Set "
                 "allow_unused=True if this is the desired behavior.");
        if (materialize) {
          const OutputMeta& meta = wanted[i].node->meta(wanted[i].input_nr);
          result[i] = graph_ops.zeros(meta.sizes(), meta.dtype);
        }
      }
      PyTuple_SET_ITEM(tuple.get(), Py_ssize_t(i), check(wrap(std::move(result[i]))).release());
    }
    return tuple.release();
  });
}

// --- what graph.py and variable.py need ---------------------------------------------------------

// The node that the gradient of a tensor arrives at.
PyObject* gradient_node(PyObject*, PyObject* o) {
  return guarded([&]() -> PyObject* {
    return wrap_node(gradient_edge(expect_tensor(o, "get_gradient_edge", "tensor")).node.get());
  });
}
PyObject* increment_version(PyObject*, PyObject* o) {
  return guarded([&]() -> PyObject* {
    const Tensor& t = expect_tensor(o, "increment_version", "tensor");
    TL_CHECK(!t.is_inference(), "Inference tensors do not track version counter.");
    t.bump_version();
    Py_RETURN_NONE;
  });
}
PyObject* task_id(PyObject*, PyObject*) {
  return PyLong_FromLongLong(in_backward() ? static_cast<long long>(current_backward_id()) : -1);
}
PyObject* will_execute(PyObject*, PyObject* o) {
  return guarded([&]() -> PyObject* {
    Node* node = unwrap_node(o);
    TL_CHECK_TYPE(node != nullptr, "_will_execute_node: a node is due");
    return PyBool_FromLong(will_execute_node(*node));
  });
}
PyObject* py_queue_callback(PyObject*, PyObject* callback) {
  return guarded([&]() -> PyObject* {
    // Shared, for std::function copies what it holds.
    std::shared_ptr<PyObject> held(Py_NewRef(callback), drop_reference);
    queue_callback([held] { in_python([&] { check(PyObject_CallNoArgs(held.get())); }); });
    Py_RETURN_NONE;
  });
}

PyMethodDef functions[] = {
    {"_gradient_node", gradient_node, METH_O, nullptr},
    {"_increment_version", increment_version, METH_O, nullptr},
    {"_current_graph_task_id", task_id, METH_NOARGS, nullptr},
    {"_is_checkpoint_valid", checkpoint_valid, METH_NOARGS, nullptr},
    {"_will_execute_node", will_execute, METH_O, nullptr},
    {"_queue_callback", py_queue_callback, METH_O, nullptr},
    {"_run_backward", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(py_backward)), METH_FASTCALL, nullptr},
    {"_grad", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(py_grad)), METH_FASTCALL, nullptr},
    {nullptr, nullptr, 0, nullptr}};

}  // namespace

PyObject* backward_method(PyObject* self, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames) {
  static PyObject* const names[] = {PyUnicode_InternFromString("gradient"), PyUnicode_InternFromString("retain_graph"),
                                    PyUnicode_InternFromString("create_graph"), PyUnicode_InternFromString("inputs")};
  return guarded([&]() -> PyObject* {
    PyObject* values[4] = {};
    TL_CHECK_TYPE(nargs <= 4, "Tensor.backward() takes from 1 to 5 positional arguments but ", nargs + 1,
                  " were given");
    for (Py_ssize_t i = 0; i < nargs; ++i) values[i] = args[i];
    for (Py_ssize_t k = 0; kwnames != nullptr && k < PyTuple_GET_SIZE(kwnames); ++k) {
      PyObject* name = PyTuple_GET_ITEM(kwnames, k);
      int found = 0;
      while (found < 4 && name != names[found] && PyUnicode_Compare(name, names[found]) != 0) ++found;
      TL_CHECK_TYPE(found < 4, "Tensor.backward() got an unexpected keyword argument '", PyUnicode_AsUTF8(name), "'");
      TL_CHECK_TYPE(values[found] == nullptr, "Tensor.backward() got multiple values for argument '",
                    PyUnicode_AsUTF8(name), "'");
      values[found] = args[nargs + k];
    }
    backward(self, values[0], values[1], values[2], values[3]);
    Py_RETURN_NONE;
  });
}

void register_engine(PyObject* module) { check(PyModule_AddFunctions(module, functions)); }

}  // namespace tl::python
