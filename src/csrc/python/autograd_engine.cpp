// The way into the engine: Tensor.backward, autograd.backward and autograd.grad.
#include "autograd/accumulate.h"
#include "autograd/engine.h"
#include "python/autograd.h"
#include "python/autograd_hooks.h"
#include "python/op_function.h"
#include "python/tensor.h"

namespace tl::python {

namespace {

// One tensor or edge that backward starts at, or that a gradient is wanted for.
struct Point {
  Edge edge;
  Tensor tensor;  // undefined for an edge given by itself
};

// A GradientEdge is a tuple (node, output_nr, …).
bool as_edge(PyObject* o, Edge& edge) {
  if (!PyTuple_Check(o) || PyTuple_GET_SIZE(o) < 2) return false;
  Node* node = unwrap_node(PyTuple_GET_ITEM(o, 0));
  long nr = PyLong_Check(PyTuple_GET_ITEM(o, 1)) ? PyLong_AsLong(PyTuple_GET_ITEM(o, 1)) : -1;
  if (node == nullptr || nr < 0 || nr >= node->num_inputs) return false;
  edge = {NodePtr::borrow(node), uint32_t(nr)};
  return true;
}

// Calls f(item, i) for a lone tensor or edge, or for each of a sequence.
template <class F>
size_t for_each(PyObject* o, const char* what, F&& f) {
  Edge edge;
  if (is_tensor(o) || as_edge(o, edge)) {
    f(o, size_t(0));
    return 1;
  }
  Object list = check(PySequence_Fast(o, what));
  Py_ssize_t n = PySequence_Fast_GET_SIZE(list.get());
  for (Py_ssize_t i = 0; i < n; ++i) f(PySequence_Fast_GET_ITEM(list.get(), i), size_t(i));
  return size_t(n);
}

std::vector<Point> roots_of(PyObject* outputs) {
  std::vector<Point> roots;
  for_each(outputs, "autograd: outputs must be a Tensor, a GradientEdge or a sequence of them", [&](PyObject* o, size_t i) {
    Point p;
    if (is_tensor(o)) {
      p.tensor = unwrap(o);
    } else {
      TL_CHECK_TYPE(as_edge(o, p.edge), "element ", i, " of tensors is not a Tensor or a GradientEdge but ",
                    Py_TYPE(o)->tp_name);
    }
    roots.push_back(std::move(p));
  });
  return roots;
}

std::string size_text(IntView sizes) {
  std::ostringstream out;
  out << "torch.Size(" << Shape{sizes} << ")";
  return out.str();
}

// The gradient to start with at root i.
Tensor root_gradient(const Point& root, size_t i, PyObject* given) {
  if (given == nullptr || given == Py_None) {
    if (!root.tensor.defined()) {
      const OutputMeta& meta = root.edge.node->meta(root.edge.input_nr);
      int64_t numel = checked_numel(meta.sizes());
      TL_CHECK(numel == 1, "grad can be implicitly created only for scalar outputs");
      return graph_ops.ones(meta.sizes(), meta.dtype);
    }
    if (!requires_grad(root.tensor)) return {};
    TL_CHECK(root.tensor.numel() == 1, "grad can be implicitly created only for scalar outputs");
    TL_CHECK(is_floating(root.tensor.dtype()), "grad can be implicitly created only for real scalar outputs but got torch.",
             dtype_name(root.tensor.dtype()));
    return graph_ops.ones(root.tensor.sizes(), root.tensor.dtype());
  }
  TL_CHECK_TYPE(is_tensor(given), "gradients can be either Tensors or None, but got ", Py_TYPE(given)->tp_name);
  const Tensor& g = unwrap(given);
  IntView sizes = root.tensor.defined() ? root.tensor.sizes() : root.edge.node->meta(root.edge.input_nr).sizes();
  DType dtype = root.tensor.defined() ? root.tensor.dtype() : root.edge.node->meta(root.edge.input_nr).dtype;
  TL_CHECK(equal(g.sizes(), sizes), "Mismatch in shape: grad_output[", i, "] has a shape of ", size_text(g.sizes()),
           " and output[", i, "] has a shape of ", size_text(sizes), ".");
  TL_CHECK(is_complex(g.dtype()) == is_complex(dtype),
           "For complex Tensors, both grad_output and output are required to have the same dtype. Mismatch in dtype: "
           "grad_output[", i, "] has a dtype of torch.", dtype_name(g.dtype()), " and output[", i,
           "] has a dtype of torch.", dtype_name(dtype), ".");
  return g;
}

std::vector<Tensor> gradients_of(const std::vector<Point>& roots, PyObject* given) {
  std::vector<Tensor> grads;
  grads.reserve(roots.size());
  if (given == nullptr || given == Py_None) {
    for (size_t i = 0; i < roots.size(); ++i) grads.push_back(root_gradient(roots[i], i, nullptr));
    return grads;
  }
  if (is_tensor(given)) {
    TL_CHECK(roots.size() == 1, "got ", roots.size(), " tensors and 1 gradients");
    grads.push_back(root_gradient(roots[0], 0, given));
    return grads;
  }
  Object list = check(PySequence_Fast(given, "gradients can be either Tensors or None"));
  TL_CHECK(size_t(PySequence_Fast_GET_SIZE(list.get())) == roots.size(), "got ", roots.size(), " tensors and ",
           PySequence_Fast_GET_SIZE(list.get()), " gradients");
  for (size_t i = 0; i < roots.size(); ++i) {
    grads.push_back(root_gradient(roots[i], i, PySequence_Fast_GET_ITEM(list.get(), Py_ssize_t(i))));
  }
  return grads;
}

// Resolves roots to edges; those that lead nowhere are an error.
std::vector<Edge> root_edges(std::vector<Point>& roots) {
  std::vector<Edge> edges;
  edges.reserve(roots.size());
  for (size_t i = 0; i < roots.size(); ++i) {
    if (roots[i].tensor.defined()) roots[i].edge = gradient_edge(roots[i].tensor);
    TL_CHECK(roots[i].edge.node, "element ", i, " of tensors does not require grad and does not have a grad_fn");
    edges.push_back(std::move(roots[i].edge));
  }
  return edges;
}

bool truth(PyObject* o, bool otherwise) {
  if (o == nullptr || o == Py_None) return otherwise;
  int v = PyObject_IsTrue(o);
  check(v);
  return v == 1;
}

// The edges of the tensors that gradients are wanted for.
std::vector<Edge> input_edges(PyObject* inputs, bool accumulate) {
  std::vector<Edge> edges;
  for_each(inputs, "autograd: inputs must be a Tensor, a GradientEdge or a sequence of them", [&](PyObject* o, size_t) {
    Edge edge;
    if (as_edge(o, edge)) {
      TL_CHECK(!accumulate, "backward: inputs are tensors, not edges");
    } else {
      TL_CHECK(is_tensor(o), "all inputs have to be Tensors or GradientEdges, but got ", Py_TYPE(o)->tp_name);
      const Tensor& t = unwrap(o);
      TL_CHECK(requires_grad(t), "One of the differentiated Tensors does not require grad");
      if (accumulate && !is_leaf(t)) retain_grad(t);
      edge = gradient_edge(t);
    }
    edges.push_back(std::move(edge));
  });
  return edges;
}

void backward(PyObject* tensors, PyObject* gradients, PyObject* retain_graph, PyObject* create_graph, PyObject* inputs) {
  BackwardOptions options;
  options.create_graph = truth(create_graph, false);
  options.keep_graph = truth(retain_graph, options.create_graph);
  std::vector<Point> roots = roots_of(tensors);
  std::vector<Tensor> grads = gradients_of(roots, gradients);
  std::vector<Edge> wanted;
  if (inputs != nullptr && inputs != Py_None) {
    wanted = input_edges(inputs, true);
    TL_CHECK(!wanted.empty(), "`inputs` argument to `backward()` cannot be empty.");
  }
  std::vector<Edge> edges = root_edges(roots);
  run_backward(edges, std::move(grads), wanted, options);
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
    std::vector<Point> roots = roots_of(args[0]);
    std::vector<Tensor> grads = gradients_of(roots, args[2]);
    std::vector<Edge> edges = root_edges(roots);
    std::vector<Edge> inputs = input_edges(args[1], false);
    TL_CHECK(!inputs.empty(), "`inputs` argument to `grad()` cannot be empty.");
    std::vector<Tensor> result = run_backward(edges, std::move(grads), inputs, options);
    Object tuple = check(PyTuple_New(Py_ssize_t(result.size())));
    for (size_t i = 0; i < result.size(); ++i) {
      if (!result[i].defined()) {
        TL_CHECK(allow_unused,
                 "The differentiated Tensor at index ", i, " appears to not have been used in the graph. Set "
                 "allow_unused=True if this is the desired behavior.");
        if (materialize) {
          const OutputMeta& meta = inputs[i].node->meta(inputs[i].input_nr);
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
    {"_will_execute_node", will_execute, METH_O, nullptr},
    {"_queue_callback", py_queue_callback, METH_O, nullptr},
    {"_run_backward", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(py_backward)), METH_FASTCALL, nullptr},
    {"_grad", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(py_grad)), METH_FASTCALL, nullptr},
    {nullptr, nullptr, 0, nullptr}};

}  // namespace

PyObject* backward_method(PyObject* self, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames) {
  return guarded([&]() -> PyObject* {
    static const char* const names[] = {"gradient", "retain_graph", "create_graph", "inputs"};
    PyObject* values[4] = {};
    TL_CHECK_TYPE(nargs <= 4, "Tensor.backward() takes from 1 to 5 positional arguments but ", nargs + 1, " were given");
    for (Py_ssize_t i = 0; i < nargs; ++i) values[i] = args[i];
    for (Py_ssize_t k = 0; kwnames != nullptr && k < PyTuple_GET_SIZE(kwnames); ++k) {
      PyObject* name = PyTuple_GET_ITEM(kwnames, k);
      int found = 0;
      while (found < 4 && PyUnicode_CompareWithASCIIString(name, names[found]) != 0) ++found;
      TL_CHECK_TYPE(found < 4, "Tensor.backward() got an unexpected keyword argument '", text_of(name), "'");
      TL_CHECK_TYPE(values[found] == nullptr, "Tensor.backward() got multiple values for argument '", names[found], "'");
      values[found] = args[nargs + k];
    }
    backward(self, values[0], values[1], values[2], values[3]);
    Py_RETURN_NONE;
  });
}

void register_engine(PyObject* module) { check(PyModule_AddFunctions(module, functions)); }

}  // namespace tl::python
