"""origins"""
