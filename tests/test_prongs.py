"""prongs"""
