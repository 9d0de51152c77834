"""LightGBM trees as ONNX, for the peers of the serving bench."""

from __future__ import annotations


def onnx_of(dumped: dict, width: int) -> bytes:
    """The trees of a dumped LightGBM model over `width` features as an ONNX model of risks."""
    from onnx import TensorProto, helper

    at: dict[str, list] = {key: [] for key in ("tree", "node", "feature", "value", "mode", "true", "false")}
    leaf: dict[str, list] = {key: [] for key in ("tree", "node", "weight")}

    def add(tree: int, node: dict, ids: list[int]) -> int:
        mine = len(ids)
        ids.append(mine)
        place = len(at["tree"])
        branch = "split_feature" in node
        values = (
            tree,
            mine,
            node.get("split_feature", 0),
            node.get("threshold", 0.0),
            "BRANCH_LEQ" if branch else "LEAF",
        )
        for key, value in zip(("tree", "node", "feature", "value", "mode"), values, strict=True):
            at[key].append(value)
        at["true"].append(0)
        at["false"].append(0)
        if branch:
            at["true"][place] = add(tree, node["left_child"], ids)
            at["false"][place] = add(tree, node["right_child"], ids)
        else:
            for key, value in zip(("tree", "node", "weight"), (tree, mine, node["leaf_value"]), strict=True):
                leaf[key].append(value)
        return mine

    for number, tree in enumerate(dumped["tree_info"]):
        add(number, tree["tree_structure"], [])
    node = helper.make_node(
        "TreeEnsembleRegressor",
        ["X"],
        ["margin"],
        domain="ai.onnx.ml",
        n_targets=1,
        nodes_treeids=at["tree"],
        nodes_nodeids=at["node"],
        nodes_featureids=at["feature"],
        nodes_values=at["value"],
        nodes_modes=at["mode"],
        nodes_truenodeids=at["true"],
        nodes_falsenodeids=at["false"],
        target_treeids=leaf["tree"],
        target_nodeids=leaf["node"],
        target_ids=[0] * len(leaf["tree"]),
        target_weights=leaf["weight"],
    )
    # The runtime leaves out a regressor's own post_transform="LOGISTIC" when there is one target.
    logistic = helper.make_node("Sigmoid", ["margin"], ["risk"])
    graph = helper.make_graph(
        [node, logistic],
        "trees",
        [helper.make_tensor_value_info("X", TensorProto.FLOAT, [None, width])],
        [helper.make_tensor_value_info("risk", TensorProto.FLOAT, [None, 1])],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9).SerializeToString()
